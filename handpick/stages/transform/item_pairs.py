"""Counts of pairs of phones viewed in one session or bought by one user, as far as tonight adds to them."""

from __future__ import annotations

import pyarrow as pa

from handpick.runtime.dataframes import DataFrame, F, Window

PAIR_SCHEMA = pa.schema(
    [
        pa.field("item_id", pa.string()),
        pa.field("other_item_id", pa.string()),
        pa.field("co_view_count", pa.int64()),
        pa.field("co_purchase_count", pa.int64()),
    ]
)


def count_co_views(tonight: DataFrame, earlier: DataFrame | None, max_items: int) -> DataFrame:
    """Count the sessions in which two phones were both viewed, as far as tonight adds to them.

    Args:
        tonight: Views, columns `user_id, session_id, item_id, occurred_at`.
        earlier: Views of sessions that may continue tonight; a pair of two earlier views was counted on its
            night.
        max_items: Only the first so many phones of a session make pairs, which bounds the quadratic number of
            pairs.

    Returns:
        Columns `item_id, other_item_id, co_view_count`.
    """
    views = tonight.select("user_id", "session_id", "item_id", "occurred_at", F.lit(1).alias("is_new"))
    if earlier is not None:
        views = views.unionByName(
            earlier.select("user_id", "session_id", "item_id", "occurred_at", F.lit(0).alias("is_new"))
        )
    visit = ["user_id", "session_id"]
    firsts = views.groupBy(*visit, "item_id").agg(
        F.min("occurred_at").alias("at"), F.min("is_new").alias("is_new")
    )
    # Earlier views (`is_new` 0) come first: the phones that made pairs last night must be the same ones
    # tonight.
    order = Window.partitionBy(*visit).orderBy("is_new", "at", "item_id")
    kept = firsts.withColumn("place", F.row_number().over(order)).where(F.col("place") <= max_items)
    # Exploding a session's list twice makes its pairs without a second shuffle, which a self-join would need.
    sessions = kept.groupBy(*visit).agg(F.collect_list(F.struct("item_id", "is_new")).alias("seen"))
    one = sessions.where((F.size("seen") > 1) & F.exists("seen", lambda view: view["is_new"] == 1))
    left = one.select(F.explode("seen").alias("one"), "seen")
    pairs = left.select("one", F.explode("seen").alias("other")).where(
        "one.item_id != other.item_id and one.is_new + other.is_new > 0"
    )
    return pairs.groupBy(
        F.col("one.item_id").alias("item_id"), F.col("other.item_id").alias("other_item_id")
    ).agg(F.count("*").alias("co_view_count"))


def count_co_purchases(tonight: DataFrame, earlier: DataFrame | None, days: int) -> DataFrame:
    """Count the users who bought two phones within some days of each other, as far as tonight adds to them.

    Args:
        tonight: Purchases, columns `event_id, user_id, item_id, occurred_at`.
        earlier: Purchases of earlier nights; a pair of two of them was counted on its night.
        days: The longest time between the two purchases, in days.

    Returns:
        Columns `item_id, other_item_id, co_purchase_count`.
    """
    columns = ("user_id", "item_id", "occurred_at")
    bought = tonight.select(*columns, F.lit(1).alias("is_new"))
    if earlier is not None:
        bought = bought.unionByName(earlier.select(*columns, F.lit(0).alias("is_new")))
    one, other = bought.alias("one"), bought.alias("other")
    near = F.abs(F.unix_seconds("one.occurred_at") - F.unix_seconds("other.occurred_at")) <= days * 86_400
    both = one.join(other, F.expr("one.user_id = other.user_id and one.item_id != other.item_id")).where(near)
    by_user = both.groupBy(
        F.col("one.user_id").alias("user_id"),
        F.col("one.item_id").alias("item_id"),
        F.col("other.item_id").alias("other_item_id"),
    ).agg(F.min(F.greatest("one.is_new", "other.is_new")).alias("is_new"))
    # The minimum is 0 if two earlier purchases made the pair before: a user counts once for a pair.
    return (
        by_user.where("is_new = 1")
        .groupBy("item_id", "other_item_id")
        .agg(F.count("*").alias("co_purchase_count"))
    )


def merge_pair_counts(co_views: DataFrame, co_purchases: DataFrame) -> DataFrame:
    """Merge the counts of both kinds into the columns of `PAIR_SCHEMA`; a missing count is 0."""
    both = co_views.unionByName(co_purchases, allowMissingColumns=True)
    return both.groupBy("item_id", "other_item_id").agg(
        F.coalesce(F.sum("co_view_count"), F.lit(0)).cast("long").alias("co_view_count"),
        F.coalesce(F.sum("co_purchase_count"), F.lit(0)).cast("long").alias("co_purchase_count"),
    )

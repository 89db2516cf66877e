"""Pairs of phones: viewed in one session, or bought by one user; tonight's new counts, both ways round."""

from __future__ import annotations

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import LongType, StringType, StructField, StructType

SCHEMA = StructType(
    [
        StructField("item_id", StringType()),
        StructField("other_item_id", StringType()),
        StructField("co_view_count", LongType()),
        StructField("co_purchase_count", LongType()),
    ]
)


def co_viewed(tonight: DataFrame, earlier: DataFrame | None, max_items: int) -> DataFrame:
    """Columns `item_id, other_item_id, co_view_count`: sessions in which both were viewed, as tonight adds to them.

    Args:
        tonight: Views, `user_id, session_id, item_id, occurred_at`.
        earlier: Views of sessions that may go on tonight; a pair of two earlier views was counted then.
        max_items: Only so many phones of a session make pairs, the first ones viewed: a bound on n squared.
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
    order = Window.partitionBy(*visit).orderBy("is_new", "at", "item_id")
    kept = firsts.withColumn("place", F.row_number().over(order)).where(F.col("place") <= max_items)
    sessions = kept.groupBy(*visit).agg(F.collect_list(F.struct("item_id", "is_new")).alias("seen"))
    one = sessions.where((F.size("seen") > 1) & F.exists("seen", lambda view: view["is_new"] == 1))
    left = one.select(F.explode("seen").alias("one"), "seen")
    pairs = left.select("one", F.explode("seen").alias("other")).where(
        "one.item_id != other.item_id and one.is_new + other.is_new > 0"
    )
    return pairs.groupBy(
        F.col("one.item_id").alias("item_id"), F.col("other.item_id").alias("other_item_id")
    ).agg(F.count("*").alias("co_view_count"))


def co_purchased(tonight: DataFrame, earlier: DataFrame | None, days: int) -> DataFrame:
    """Columns `item_id, other_item_id, co_purchase_count`: users who bought both within some days of each other.

    Args:
        tonight: Purchases, `event_id, user_id, item_id, occurred_at`.
        earlier: Purchases of earlier nights; a pair of two of them was counted then.
        days: The longest time between the two.
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
    return (
        by_user.where("is_new = 1")
        .groupBy("item_id", "other_item_id")
        .agg(F.count("*").alias("co_purchase_count"))
    )


def counted(co_views: DataFrame, co_purchases: DataFrame) -> DataFrame:
    """Rows of `SCHEMA` from both kinds of pairs; a kind that did not happen counts zero."""
    both = co_views.unionByName(co_purchases, allowMissingColumns=True)
    return both.groupBy("item_id", "other_item_id").agg(
        F.coalesce(F.sum("co_view_count"), F.lit(0)).cast("long").alias("co_view_count"),
        F.coalesce(F.sum("co_purchase_count"), F.lit(0)).cast("long").alias("co_purchase_count"),
    )

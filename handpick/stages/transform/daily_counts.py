"""Additive counts by day, per phone and per user; late events count on the day on which they happened."""

from __future__ import annotations

import pyarrow as pa

from handpick.runtime.dataframes import Column, DataFrame, F

EVENT_TYPES = ("impression", "view", "cart", "purchase", "return", "rating")
COUNT_FIELDS = [pa.field(f"{name}_count", pa.int64()) for name in EVENT_TYPES]

ITEM_DAILY_SCHEMA = pa.schema(
    [
        pa.field("item_id", pa.string()),
        pa.field("event_date", pa.date32()),
        *COUNT_FIELDS,
        pa.field("rating_sum", pa.float64()),
    ]
)
USER_DAILY_SCHEMA = pa.schema(
    [
        pa.field("user_id", pa.string()),
        pa.field("event_date", pa.date32()),
        *COUNT_FIELDS,
        pa.field("rating_sum", pa.float64()),
        pa.field("viewed_price_sum", pa.float64()),
        pa.field("viewed_price_count", pa.int64()),
        pa.field("session_count", pa.int64()),
    ]
)


def count_by_item(people: DataFrame) -> DataFrame:
    """Count tonight's events by phone and day, in the columns of `ITEM_DAILY_SCHEMA`.

    Args:
        people: Interactions without bots.
    """
    days = people.withColumn("event_date", F.to_date("occurred_at"))
    return days.groupBy("item_id", "event_date").agg(*_build_counts())


def count_by_user(people: DataFrame, prices: DataFrame, starts: DataFrame) -> DataFrame:
    """Count tonight's events by user and day, in the columns of `USER_DAILY_SCHEMA`.

    Args:
        people: Interactions without bots.
        prices: Columns `item_id, price`, as of tonight, in the shop's currency.
        starts: Sessions that begin in them, columns `user_id, started_at`.
    """
    days = people.withColumn("event_date", F.to_date("occurred_at")).join(
        F.broadcast(prices), "item_id", "left"
    )
    viewed = F.when(F.col("event_type") == "view", F.col("price"))
    counts = days.groupBy("user_id", "event_date").agg(
        *_build_counts(),
        _sum_exactly(viewed).alias("viewed_price_sum"),
        F.count(viewed).alias("viewed_price_count"),
    )
    sessions = starts.groupBy("user_id", F.to_date("started_at").alias("event_date")).agg(
        F.count("*").alias("session_count")
    )
    return (
        counts.join(sessions, ["user_id", "event_date"], "left")
        .withColumn("session_count", F.coalesce("session_count", F.lit(0)).cast("long"))
        .select(*USER_DAILY_SCHEMA.names)
    )


def _build_counts() -> list[Column]:
    """Return the aggregates that phones and users share: events by type, and the sum of stars."""
    kind = F.col("event_type")
    counts = [F.count(F.when(kind == name, 1)).alias(f"{name}_count") for name in EVENT_TYPES]
    return [*counts, _sum_exactly(F.when(kind == "rating", F.col("value"))).alias("rating_sum")]


def _sum_exactly(value: Column) -> Column:
    """Return a sum that does not depend on the order of the rows; 0 where there is nothing.

    Sums of doubles do depend on it, and Spark adds partitions up in any order; decimals add exactly.
    """
    return F.coalesce(F.sum(value.cast("decimal(18,2)")).cast("double"), F.lit(0.0))

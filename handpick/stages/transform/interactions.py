"""Interactions: tonight's events with their session, the strength of interest they show, and whether a bot made them.

A click on what was shown far down a slate says more than one on what was shown first, for fewer people look there.
The chance of being looked at is taken as `position ** -exponent` (the position-based model of Joachims et al., 2017),
and an event that follows an impression in its session counts `1 / propensity`, bounded. The exponent is the slope of
log click rate over log position in all nights so far, weighted by impressions. It also holds whatever better ranking
put on top, so it is an upper bound where slates are already sorted by relevance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import (
    BooleanType,
    DoubleType,
    IntegerType,
    LongType,
    StringType,
    StructField,
    StructType,
    TimestampType,
)

SCHEMA = StructType(
    [
        StructField("event_id", StringType()),
        StructField("user_id", StringType()),
        StructField("item_id", StringType()),
        StructField("event_type", StringType()),
        StructField("value", DoubleType()),
        StructField("occurred_at", TimestampType()),
        StructField("session_id", StringType()),
        StructField("list_version", StringType()),
        StructField("position", IntegerType()),
        StructField("shown_position", IntegerType()),
        StructField("weight", DoubleType()),
        StructField("is_bot", BooleanType()),
    ]
)

CARRIED = StructType(
    [
        field
        for field in SCHEMA.fields
        if field.name in ("event_id", "user_id", "item_id", "event_type", "occurred_at", "session_id")
    ]
)
"""What later nights need of a night: who did what in which session, of the few rows that can still matter."""

POSITIONS = StructType(
    [
        StructField("position", IntegerType()),
        StructField("impression_count", LongType()),
        StructField("click_count", LongType()),
    ]
)
"""What the propensity curve is fitted on: impressions of tonight at each place, and how many were clicked."""

LAST_POSITION = 100
"""Places below this one count as this one; bounds the curve's table."""


def placed(events: DataFrame) -> DataFrame:
    """The same events, with `position` (of an impression) and `shown_position` (of the impression that led to it).

    An event belongs to the last impression of the same phone to the same user in the same session before it.
    """
    is_shown = F.col("event_type") == "impression"
    place = F.least(F.col("value"), F.lit(LAST_POSITION)).cast("int")
    before = (
        Window.partitionBy("user_id", "session_id", "item_id")
        .orderBy("occurred_at", F.when(is_shown, 0).otherwise(1), "event_id")
        .rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    return events.withColumn("position", F.when(is_shown & (F.col("value") >= 1), place)).withColumn(
        "shown_position", F.when(~is_shown, F.last("position", ignorenulls=True).over(before))
    )


def flagged(events: DataFrame, events_per_hour: int) -> DataFrame:
    """The same events with `is_bot`: the user did more than this within one clock hour, impressions apart."""
    acted = F.count(F.when(F.col("event_type") != "impression", 1))
    busiest = (
        events.groupBy("user_id", F.date_trunc("hour", "occurred_at").alias("hour"))
        .agg(acted.alias("acted"))
        .where(F.col("acted") > events_per_hour)
        .select("user_id", F.lit(True).alias("is_bot"))
        .distinct()
    )
    return events.join(F.broadcast(busiest), "user_id", "left").withColumn(
        "is_bot", F.coalesce("is_bot", F.lit(False))
    )


def carried(interactions: DataFrame, since: datetime) -> DataFrame:
    """Rows of `CARRIED`: what later nights look back at, so that they need not read all of a night's interactions.

    Those are the events from `since` on, whose sessions may go on, and every purchase; bots apart.
    """
    kept = (F.col("occurred_at") >= F.lit(since)) | (F.col("event_type") == "purchase")
    return interactions.where(~F.col("is_bot") & kept).select(*CARRIED.fieldNames())


def position_counts(events: DataFrame) -> DataFrame:
    """Impressions and clicks by position, rows of `POSITIONS`; bots apart."""
    people = events.where(~F.col("is_bot"))
    shown = (
        people.where("position is not null").groupBy("position").agg(F.count("*").alias("impression_count"))
    )
    clicked = (
        people.where("event_type = 'view' and shown_position is not null")
        .groupBy(F.col("shown_position").alias("position"))
        .agg(F.count("*").alias("click_count"))
    )
    return shown.join(clicked, "position", "left").select(
        "position", "impression_count", F.coalesce("click_count", F.lit(0)).cast("long").alias("click_count")
    )


def position_exponent(counts: Sequence[tuple[int, int, int]], minimum: int, default: float) -> float:
    """Exponent of the propensity curve, between 0 and 2.

    Args:
        counts: Position, impressions, clicks; a position may come several times (once a night).
        minimum: Impressions that a position needs to take part.
        default: What is returned while fewer than three positions take part.
    """
    totals: dict[int, tuple[int, int]] = {}
    for position, shown, clicked in counts:
        seen = totals.get(position, (0, 0))
        totals[position] = (seen[0] + shown, seen[1] + clicked)
    points = [
        (math.log(position), math.log(clicked / shown), shown)
        for position, (shown, clicked) in sorted(totals.items())
        if shown >= minimum and clicked > 0
    ]
    if len(points) < 3:
        return default
    mass = math.fsum(w for _, _, w in points)
    mean_x = math.fsum(x * w for x, _, w in points) / mass
    mean_y = math.fsum(y * w for _, y, w in points) / mass
    spread = math.fsum(w * (x - mean_x) ** 2 for x, _, w in points)
    slope = math.fsum(w * (x - mean_x) * (y - mean_y) for x, y, w in points) / spread
    return round(min(2.0, max(0.0, -slope)), 4)


def weighted(events: DataFrame, weights: Mapping[str, float], exponent: float, max_boost: float) -> DataFrame:
    """Rows of `SCHEMA`: the same events with `weight`.

    A return is negative; a rating runs from minus its weight at one star to plus its weight at five; an impression
    shows nothing. Only signs of interest are corrected for position.
    """
    kind = F.col("event_type")
    base: Column = F.lit(0.0)
    for name, weight in weights.items():
        base = F.when(kind == name, F.lit(float(weight))).otherwise(base)
    # greatest() and least() skip nulls, and a rating without stars says nothing
    stars = F.when(
        F.col("value").isNotNull(), (F.least(F.greatest("value", F.lit(1.0)), F.lit(5.0)) - 3.0) / 2.0
    )
    boost = F.least(
        F.pow(F.coalesce("shown_position", F.lit(1)).cast("double"), F.lit(exponent)), F.lit(max_boost)
    )
    signal = kind.isin("view", "cart", "purchase")
    strength = (
        F.when(signal, base * boost)
        .when(kind == "rating", base * F.coalesce(stars, F.lit(0.0)))
        .otherwise(base)
    )
    return events.withColumn("weight", F.round(strength, 6)).select(*SCHEMA.fieldNames())

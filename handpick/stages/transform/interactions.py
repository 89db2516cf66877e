"""Interactions: tonight's events with session, bot flag, and a weight that is corrected for position bias.

A click far down a list shows more interest than one at the top, since fewer people look there. The propensity
(probability that a position is examined) is modelled as `position ** -exponent` (position-based model;
Joachims, Swaminathan and Schnabel, "Unbiased Learning-to-Rank with Biased Feedback", WSDM 2017), and an event
that follows an impression in its session is weighted by `1 / propensity`, bounded. The exponent is the
negative slope of log click rate over log position in all nights so far, weighted by impressions. Where slates
are already sorted by relevance it also absorbs the better items at the top, so it is an upper bound.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime

import pyarrow as pa

from handpick.runtime.dataframes import Column, DataFrame, F, Window

INTERACTION_SCHEMA = pa.schema(
    [
        pa.field("event_id", pa.string()),
        pa.field("user_id", pa.string()),
        pa.field("item_id", pa.string()),
        pa.field("event_type", pa.string()),
        pa.field("value", pa.float64()),
        pa.field("occurred_at", pa.timestamp("us", tz="UTC")),
        pa.field("session_id", pa.string()),
        pa.field("list_version", pa.string()),
        pa.field("position", pa.int32()),
        pa.field("shown_position", pa.int32()),
        pa.field("weight", pa.float64()),
        pa.field("is_bot", pa.bool_()),
    ]
)

CARRIED_SCHEMA = pa.schema(
    [
        field
        for field in INTERACTION_SCHEMA
        if field.name in ("event_id", "user_id", "item_id", "event_type", "occurred_at", "session_id")
    ]
)
"""Columns of `clean/carried`, the few events that later nights need again."""

POSITION_COUNT_SCHEMA = pa.schema(
    [
        pa.field("position", pa.int32()),
        pa.field("impression_count", pa.int64()),
        pa.field("click_count", pa.int64()),
    ]
)
"""Columns of `clean/position_counts`, on which the propensity curve is fitted."""

MAX_POSITION = 100
"""Lower positions count as this one; bounds the rows of `clean/position_counts`."""


def attribute_positions(events: DataFrame) -> DataFrame:
    """Add `position` (of an impression) and `shown_position` (of the impression that led to any other event).

    An event is attributed to the last impression of the same phone to the same user in the same session
    before it.

    Args:
        events: Tonight's events with `session_id`; the value of an impression is its position, from 1.
    """
    is_shown = F.col("event_type") == "impression"
    place = F.least(F.col("value"), F.lit(MAX_POSITION)).cast("int")
    before = (
        Window.partitionBy("user_id", "session_id", "item_id")
        # Of equal timestamps the impression comes first: people cannot click on what is not shown yet.
        .orderBy("occurred_at", F.when(is_shown, 0).otherwise(1), "event_id")
        .rowsBetween(Window.unboundedPreceding, Window.currentRow)
    )
    return events.withColumn("position", F.when(is_shown & (F.col("value") >= 1), place)).withColumn(
        "shown_position", F.when(~is_shown, F.last("position", ignorenulls=True).over(before))
    )


def flag_bots(events: DataFrame, events_per_hour: int) -> DataFrame:
    """Add `is_bot`: whether the user had more than `events_per_hour` events in a clock hour.

    Impressions are not counted.
    """
    acted = F.count(F.when(F.col("event_type") != "impression", 1))
    busiest = (
        events.groupBy("user_id", F.date_trunc("hour", "occurred_at").alias("hour"))
        .agg(acted.alias("acted"))
        .where(F.col("acted") > events_per_hour)
        .select("user_id", F.lit(True).alias("is_bot"))
        .distinct()
    )
    # Very few users are bots: broadcasting them spares a shuffle of all events.
    return events.join(F.broadcast(busiest), "user_id", "left").withColumn(
        "is_bot", F.coalesce("is_bot", F.lit(False))
    )


def select_carried(interactions: DataFrame, since: datetime) -> DataFrame:
    """Select the events that later nights need again, in the columns of `CARRIED_SCHEMA`.

    These are the events from `since` on, whose sessions may continue, and every purchase, without those of
    bots.
    """
    kept = (F.col("occurred_at") >= F.lit(since)) | (F.col("event_type") == "purchase")
    return interactions.where(~F.col("is_bot") & kept).select(*CARRIED_SCHEMA.names)


def count_positions(events: DataFrame) -> DataFrame:
    """Count impressions and clicks by position without bots, in the columns of `POSITION_COUNT_SCHEMA`."""
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


def fit_position_exponent(counts: Sequence[tuple[int, int, int]], minimum: int, default: float) -> float:
    """Fit the exponent of the propensity curve by weighted least squares of log click rate on log position.

    Args:
        counts: Position, impressions, clicks; a position may occur several times (once a night).
        minimum: Impressions that a position needs to take part in the fit.
        default: Returned while fewer than three positions take part.

    Returns:
        The exponent, between 0 (no position bias) and 2, rounded to four digits.
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
    # fsum rounds once, so that the exponent, and every weight after it, does not depend on the order of
    # addition.
    mass = math.fsum(w for _, _, w in points)
    mean_x = math.fsum(x * w for x, _, w in points) / mass
    mean_y = math.fsum(y * w for _, y, w in points) / mass
    spread = math.fsum(w * (x - mean_x) ** 2 for x, _, w in points)
    slope = math.fsum(w * (x - mean_x) * (y - mean_y) for x, y, w in points) / spread
    return round(min(2.0, max(0.0, -slope)), 4)


def add_weights(
    events: DataFrame, weights: Mapping[str, float], exponent: float, max_boost: float
) -> DataFrame:
    """Add `weight`, the strength of the shown preference, and select the columns of `INTERACTION_SCHEMA`.

    A return counts its configured weight, which is negative; a rating runs from minus its weight at one star
    to plus its weight at five; an impression shows no preference. Only views, carts and purchases are
    corrected for position.

    Args:
        events: Events with `shown_position` and `is_bot`.
        weights: Weight by event type; 0 for types that are missing.
        exponent: Exponent of the propensity curve.
        max_boost: The largest correction for position.
    """
    kind = F.col("event_type")
    base: Column = F.lit(0.0)
    for name, weight in weights.items():
        base = F.when(kind == name, F.lit(float(weight))).otherwise(base)
    # greatest() and least() skip nulls, so a rating without stars would count as one star; it must show
    # nothing.
    stars = F.when(
        F.col("value").isNotNull(), (F.least(F.greatest("value", F.lit(1.0)), F.lit(5.0)) - 3.0) / 2.0
    )
    # Computed here, as engines differ in the last digit of a power.
    boosts = [min(place**exponent, max_boost) for place in range(1, MAX_POSITION + 1)]
    boost = F.get(F.array(*map(F.lit, boosts)), F.coalesce("shown_position", F.lit(1)) - 1)
    signal = kind.isin("view", "cart", "purchase")
    strength = (
        F.when(signal, base * boost)
        .when(kind == "rating", base * F.coalesce(stars, F.lit(0.0)))
        .otherwise(base)
    )
    return events.withColumn("weight", F.round(strength, 6)).select(*INTERACTION_SCHEMA.names)

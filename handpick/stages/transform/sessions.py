"""Sessions: the shop's own where it states them, else a user's events without a longer gap between them."""

from __future__ import annotations

from handpick.runtime.dataframes import DataFrame, F, Window
from handpick.stages.transform.first_rows import keep_first_row


def assign_sessions(events: DataFrame, carried: DataFrame | None, gap_minutes: int) -> DataFrame:
    """Give every event a `session_id`.

    A user's events without a session belong to one session while no gap between them is longer than allowed.
    A derived session is named after the user and its first second, so that its continuation tonight gets last
    night's name.

    Args:
        events: Columns `event_id, user_id, occurred_at, session_id` (null where the shop does not know it),
            and others.
        carried: Earlier events whose sessions may continue, with their `session_id`, or None on a first
            night.
        gap_minutes: The longest gap within a session, in minutes.

    Returns:
        The same events without the carried ones.
    """
    given = F.nullif(F.trim("session_id"), F.lit(""))
    rows = events.withColumns({"session_id": given, "_carried": F.lit(None).cast("string")})
    if carried is not None:
        # Only a user's last event decides whether tonight's first one continues a session.
        tails = keep_first_row(
            carried.select("event_id", "user_id", "occurred_at", F.col("session_id").alias("_carried")),
            ["user_id"],
            F.col("occurred_at").desc(),
            F.col("event_id").desc(),
        )
        rows = rows.unionByName(tails, allowMissingColumns=True)
    # One shuffle by user serves every window over a user's rows, here and where events are attributed to
    # impressions.
    rows = rows.repartition("user_id").withColumn("_is_derived", F.col("session_id").isNull())
    user = Window.partitionBy("user_id", "_is_derived").orderBy("occurred_at", "event_id")
    gap = F.unix_micros("occurred_at") - F.unix_micros(F.lag("occurred_at").over(user))
    is_first = F.coalesce(gap > gap_minutes * 60_000_000, F.lit(True))
    so_far = user.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    numbered = rows.withColumn("_is_first", is_first.cast("int")).withColumn(
        "_visit", F.sum("_is_first").over(so_far)
    )
    # Over the order that the rows are in already; windows by visit would sort all events again. A user has
    # one carried event at most, and a session that it is in takes the name of that event's session.
    whole = user.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    started = F.last(F.when(F.col("_is_first") == 1, F.unix_seconds("occurred_at")), ignorenulls=True).over(
        so_far
    )
    carried_visit = F.max(F.when(F.col("_carried").isNotNull(), F.col("_visit"))).over(whole)
    name = F.when(F.col("_visit") == carried_visit, F.max("_carried").over(whole))
    derived = F.coalesce(name, F.concat_ws("-", "user_id", started.cast("string")))
    return (
        numbered.withColumn("session_id", F.coalesce("session_id", derived))
        .where("_carried is null")
        .drop("_carried", "_is_derived", "_is_first", "_visit")
    )


def find_session_starts(events: DataFrame, carried: DataFrame | None) -> DataFrame:
    """Return the start of each session that begins in some events.

    Args:
        events: Tonight's events with their sessions.
        carried: Earlier events with theirs, or None: a session that is among them began on an earlier night.

    Returns:
        Columns `user_id, session_id, started_at`, one row per session.
    """
    starts = events.groupBy("user_id", "session_id").agg(F.min("occurred_at").alias("started_at"))
    if carried is None:
        return starts
    return starts.join(
        carried.select("user_id", "session_id").distinct(), ["user_id", "session_id"], "left_anti"
    )

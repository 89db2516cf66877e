"""Finds users to warn about as bots; the flag `is_bot` is set by `transform.interactions.flag_bots`."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from handpick.night import Night


def find_suspected_bots(night: Night) -> list[tuple[str, int]]:
    """Return users with `validation.bot_views_per_hour` or more views in a clock hour, and their peak.

    Their rows stay valid, since the events happened. The transform stage sets `is_bot` by a limit of its own,
    `transform.bot_events_per_hour`.
    """
    rows = night.lake.read("valid/events", night.logical_date, ["user_id", "event_type", "occurred_at"])
    views = rows.filter(pc.equal(rows.column("event_type"), "view"))
    limit = night.settings.validation.bot_views_per_hour
    if views.num_rows < limit:
        return []
    hours = pc.floor_temporal(views.column("occurred_at"), unit="hour")
    counted = (
        pa.table({"user_id": views.column("user_id"), "hour": hours})
        .group_by(["user_id", "hour"])
        .aggregate([([], "count_all")])
    )
    busy = counted.filter(pc.greater_equal(counted.column("count_all"), limit))
    busiest = busy.group_by("user_id").aggregate([("count_all", "max")]).sort_by("user_id")
    return list(
        zip(busiest.column("user_id").to_pylist(), busiest.column("count_all_max").to_pylist(), strict=True)
    )

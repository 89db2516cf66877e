"""Looks once an hour whether something needs a person, and tells its owners: see docs/alerts.md.

Without a channel in `[alerts]` it has no schedule.
"""

from __future__ import annotations

from airflow.sdk import dag, task
from airflow.timetables.interval import CronDataIntervalTimetable
from stage_task import DAG_OPTIONS, SETTINGS, without_traceback

HOURLY = "7 * * * *"
"""Not at the full hour, when nights and deliveries begin."""


@dag(
    # Also where nights have no schedule: somebody who triggers them wants to hear of them.
    schedule=CronDataIntervalTimetable(HOURLY, timezone="UTC") if SETTINGS.alerts.list_channels() else None,
    doc_md=__doc__,
    **DAG_OPTIONS,
)
def watch_shop() -> None:
    """Tell what has not been told, and what waited for the end of the quiet hours."""

    @task(doc_md="Tells the owners in `[alerts]` what is new; by hand: `handpick alert`.")
    def tell_owners() -> list[str]:
        """Return the channels that were told, for XCom."""
        from alerting import tell_shop

        told: list[str] = without_traceback(tell_shop)
        return told

    tell_owners()


watch_shop()

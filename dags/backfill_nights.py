"""Runs the nights of a range, oldest first, for the first time or again: the same as `handpick backfill`.

If a later night is published, its lists stay current.
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, task
from stage_task import DAG_OPTIONS, without_traceback

from handpick.pipeline.registry import list_nightly_names


@dag(
    schedule=None,
    doc_md=__doc__,
    params={
        "first": Param(type="string", format="date", title="First night"),
        "last": Param(type="string", format="date", title="Last night"),
        "through": Param(
            "report", type="string", enum=list_nightly_names(), title="Last stage of each night"
        ),
    },
    **DAG_OPTIONS,
)
def backfill_nights() -> None:
    """Run the nights one after the other in one task."""

    @task(doc_md="Runs every stage of every night; a night begins when the one before is done.")
    def backfill(params: Any = None) -> list[str]:
        """Return the nights that were run, for XCom."""
        from datetime import date

        from handpick.night import Night
        from handpick.pipeline.backfill import iterate_dates, run_nights
        from handpick.settings.load import load

        def run() -> list[str]:
            first, last = date.fromisoformat(params["first"]), date.fromisoformat(params["last"])
            nights = [Night(load(), day) for day in iterate_dates(first, last)]
            run_nights(nights, params["through"])
            return [night.logical_date.isoformat() for night in nights]

        done: list[str] = without_traceback(run)
        return done

    backfill()


backfill_nights()

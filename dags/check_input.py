"""Checks the input that has arrived for a night without running it: the same as `handpick check`."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, dag, task
from stage_task import DAG_OPTIONS, without_traceback


@dag(
    schedule=None,
    doc_md=__doc__,
    params={
        "date": Param(
            None, type=["null", "string"], format="date", title="Night", description="Empty: the newest day."
        )
    },
    **DAG_OPTIONS,
)
def check_input() -> None:
    """Check the rows of every source against their contracts."""

    @task(doc_md="Prints what is wrong with the input; fails where the night would stop.")
    def check(params: Any = None) -> str:
        """Return the date that was checked, for XCom."""
        from datetime import date

        from handpick.errors import InputError
        from handpick.night import Night
        from handpick.pipeline.next_night import find_newest_input_day
        from handpick.runtime.log import print_result
        from handpick.settings.load import load
        from handpick.stages.validate.dry_run import check_inputs

        def look() -> str:
            settings = load()
            day = date.fromisoformat(params["date"]) if params["date"] else find_newest_input_day(settings)
            findings = check_inputs(Night(settings, day))
            for finding in findings:
                print_result(f"{finding.level}: {finding.text}")
            if stops := [finding.text for finding in findings if finding.level == "stop"]:
                raise InputError(f"the night of {day} would stop: {stops[0]}; nothing was run or changed.")
            return day.isoformat()

        return str(without_traceback(look))

    check()


check_input()

"""The night: from landed files to a published, explained top-N list for every user."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import Param, chain, dag, task
from airflow.sdk.definitions.callback import SyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference
from alerting import tell_late
from stage_task import (
    DAG_OPTIONS,
    PUBLISHED,
    SETTINGS,
    build_timetable,
    choose_night_of_run,
    open_night,
    stage_task,
    without_traceback,
)
from warehouse import WAREHOUSE, warehouse

from handpick.pipeline.registry import list_nightly_stages

LATE = DeadlineAlert(
    reference=DeadlineReference.DAGRUN_QUEUED_AT,
    interval=timedelta(minutes=SETTINGS.alerts.late_after_minutes),
    callback=SyncCallback(tell_late, kwargs={"minutes": SETTINGS.alerts.late_after_minutes}),
)
"""Tells the owners of a run that takes too long while it still runs."""


@task.branch(doc_md="Shows the gate's decision as a branch.")
def who_scores(**context: Any) -> str:
    """Return the task that stands for the gate's decision, so that the web UI shows it as a branch."""
    from handpick.stages.gate.public import read_decision

    night = open_night(context)
    decision = read_decision(night.lake, night.logical_date)
    return "challenger_promoted" if decision.promoted else "champion_kept"


@task(doc_md="Tells the owners in `[alerts]` what the night has left for them, also where it failed.")
def alert(run_id: str | None = None) -> list[str]:
    """Return the channels that were told, for XCom."""
    from alerting import tell_shop

    told: list[str] = without_traceback(lambda: tell_shop(run_id, is_night_over=True))
    return told


@dag(
    schedule=build_timetable(SETTINGS.airflow.schedule),
    doc_md=__doc__,
    params={
        "date": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Night",
            description="Empty: the run's logical date, or the newest day that has arrived and is not done.",
        )
    },
    deadline=LATE if SETTINGS.alerts.list_channels() else None,
    **DAG_OPTIONS,
)
def nightly_recommendations() -> None:
    """Chain one task per stage, in the registry's order.

    The warehouse is a group, the gate ends in a branch.
    """
    steps: list[Any] = [choose_night_of_run()]
    trigger_rule = "all_success"
    for stage in list_nightly_stages():
        if stage.name == WAREHOUSE:
            steps.append(warehouse(before=steps[-1]))
            continue
        outlets = [PUBLISHED] if "serving" in stage.writes else []
        steps.append(stage_task(stage, outlets=outlets, trigger_rule=trigger_rule))
        trigger_rule = "all_success"
        if "gate" in stage.writes:
            outcomes = [EmptyOperator(task_id=name) for name in ("challenger_promoted", "champion_kept")]
            steps += [who_scores(), outcomes]
            # One of the branch's two ends is skipped every night, which must not skip the next stage.
            trigger_rule = "none_failed_min_one_success"
    # A teardown runs whatever happened before it, and does not decide whether the run has failed.
    chain(*steps, alert().as_teardown())


nightly_recommendations()

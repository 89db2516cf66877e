"""The night: from landed files to a published, explained top-N list for every user."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import chain, dag, task
from stage_task import PUBLISHED, SCHEDULED_DAG, SETTINGS, build_timetable, stage_task
from warehouse import WAREHOUSE, warehouse

from handpick.pipeline.registry import list_nightly_stages


@task.branch
def who_scores(logical_date: Any = None) -> str:
    """Return the task that stands for the gate's decision, so that the web UI shows it as a branch."""
    from handpick.night import Night
    from handpick.stages.gate.public import read_decision

    night = Night(SETTINGS, logical_date.date())
    decision = read_decision(night.lake, night.logical_date)
    return "challenger_promoted" if decision.promoted else "champion_kept"


@dag(schedule=build_timetable(SETTINGS.airflow.schedule), doc_md=__doc__, **SCHEDULED_DAG)
def nightly_recommendations() -> None:
    """Chain one task a stage, in the registry's order.

    The warehouse is a group, the gate ends in a branch.
    """
    steps: list[Any] = []
    for stage in list_nightly_stages():
        if stage.name == WAREHOUSE:
            steps.append(warehouse(before=steps[-1]))
            continue
        options: dict[str, Any] = {}
        if isinstance(steps and steps[-1], list):
            # One of the branch's two ends is skipped every night.
            options["trigger_rule"] = "none_failed_min_one_success"
        if "serving" in stage.writes:
            options["outlets"] = [PUBLISHED]
        steps.append(stage_task(stage, **options))
        if "gate" in stage.writes:
            steps += [
                who_scores(),
                [EmptyOperator(task_id="challenger_promoted"), EmptyOperator(task_id="champion_kept")],
            ]
    chain(*steps)


nightly_recommendations()

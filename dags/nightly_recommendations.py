"""The night: from landed files to a published, explained top-N list for every user."""

from __future__ import annotations

from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import chain, dag, task
from stage_task import PUBLISHED, SCHEDULED_DAG, SETTINGS, build_timetable, open_night, stage_task
from warehouse import WAREHOUSE, warehouse

from handpick.pipeline.registry import list_nightly_stages


@task.branch
def who_scores(logical_date: Any = None) -> str:
    """Return the task that stands for the gate's decision, so that the web UI shows it as a branch."""
    from handpick.stages.gate.public import read_decision

    night = open_night(logical_date)
    decision = read_decision(night.lake, night.logical_date)
    return "challenger_promoted" if decision.promoted else "champion_kept"


@dag(schedule=build_timetable(SETTINGS.airflow.schedule), doc_md=__doc__, **SCHEDULED_DAG)
def nightly_recommendations() -> None:
    """Chain one task per stage, in the registry's order.

    The warehouse is a group, the gate ends in a branch.
    """
    steps: list[Any] = []
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
    chain(*steps)


nightly_recommendations()

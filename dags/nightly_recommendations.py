"""The night: from what arrived to a published, explained top-N list for every user."""

from __future__ import annotations

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import chain, dag, task
from stage_task import BY_THE_CLOCK, PUBLISHED, SETTINGS, stage, timetable
from warehouse import warehouse


@task.branch
def who_scores(logical_date=None) -> str:
    """The gate's decision, as a branch that people can see."""
    from handpick.night import Night
    from handpick.stages.gate.decision import read_decision

    night = Night(SETTINGS, logical_date.date())
    decision = read_decision(night.lake, night.logical_date)
    return "challenger_promoted" if decision.promoted else "champion_kept"


@dag(schedule=timetable(SETTINGS.airflow.schedule), doc_md=__doc__, **BY_THE_CLOCK)
def nightly_recommendations():
    transform = stage("transform")
    outcomes = [EmptyOperator(task_id="challenger_promoted"), EmptyOperator(task_id="champion_kept")]
    chain(
        stage("land"),
        stage("validate"),
        transform,
        warehouse(before=transform),
        stage("embed"),
        stage("feature_store"),
        stage("train"),
        stage("evaluate"),
        stage("gate"),
        who_scores(),
        outcomes,
        stage("score", trigger_rule="none_failed_min_one_success"),
        stage("publish", outlets=[PUBLISHED]),
        stage("report"),
    )


nightly_recommendations()

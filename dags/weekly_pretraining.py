"""Trains the shop's own encoders again, once a week; they serve from the next night on."""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, task
from stage_task import (
    DAG_OPTIONS,
    LIMITS,
    RETRIES,
    SETTINGS,
    build_timetable,
    render_stage_doc,
    without_traceback,
)

from handpick.pipeline.registry import get_stage

GPU: dict[str, Any] = {"pool": SETTINGS.airflow.gpu_pool} if SETTINGS.airflow.gpu_pool is not None else {}
SUNDAYS_AT_NOON = "0 12 * * 0"
"""A time at which no night runs."""


@dag(schedule=build_timetable(SUNDAYS_AT_NOON), doc_md=__doc__, **DAG_OPTIONS)
def weekly_pretraining() -> None:
    """Run the stage `pretrain` on the newest night's marts."""

    @task(doc_md=render_stage_doc(get_stage("pretrain")), **RETRIES, **LIMITS, **GPU)
    def pretrain() -> list[dict[str, Any]]:
        """Train on the newest night's marts.

        Return each objective's NDCG@20 without and with it, for XCom.
        """
        from handpick.dataset.content_tables import find_newest_marts
        from handpick.lake.partitions import Lake
        from handpick.night import Night
        from handpick.pipeline.runner import run_stage

        def train() -> list[dict[str, Any]]:
            day = find_newest_marts(Lake(SETTINGS.path(SETTINGS.lake.root)))
            objectives: list[dict[str, Any]] = run_stage("pretrain", Night(SETTINGS, day)).notes["objectives"]
            return objectives

        return without_traceback(train)

    pretrain()


weekly_pretraining()

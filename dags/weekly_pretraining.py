"""The week: the shop's own encoders learn again from its texts, pictures and phrases, and serve from the next night on."""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.sdk import dag, task
from airflow.timetables.interval import CronDataIntervalTimetable
from stage_task import RETRIES, SETTINGS, without_traceback

SCHEDULE = CronDataIntervalTimetable("0 12 * * 0", timezone="UTC") if SETTINGS.airflow.schedule else None
"""Sundays at noon, when no night runs; only where nights run by the clock as well."""


@dag(
    schedule=SCHEDULE,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    doc_md=__doc__,
    tags=["handpick"],
)
def weekly_pretraining():
    @task(**RETRIES)
    def pretrain() -> list[dict[str, Any]]:
        """Learn from the newest night's marts; each objective's NDCG@20 without and with it goes to XCom."""
        from dataclasses import asdict

        from handpick.lake import Lake
        from handpick.night import Night
        from handpick.pretrain import pretrain as train
        from handpick.pretrain.corpus import newest_night

        def learn() -> list[dict[str, Any]]:
            day = newest_night(Lake(SETTINGS.path(SETTINGS.lake.root)))
            return [asdict(worth) for worth in train(Night(SETTINGS, day))]

        return without_traceback(learn)

    pretrain()


weekly_pretraining()

"""The week: the shop's own encoders learn again from its texts, pictures and phrases, and serve from the next night on."""

from __future__ import annotations

from typing import Any

from airflow.sdk import dag, task
from stage_task import BY_THE_CLOCK, RETRIES, SETTINGS, timetable, without_traceback

SUNDAYS_AT_NOON = "0 12 * * 0"
"""When no night runs."""


@dag(schedule=timetable(SUNDAYS_AT_NOON), doc_md=__doc__, **BY_THE_CLOCK)
def weekly_pretraining():
    @task(**RETRIES)
    def pretrain() -> list[dict[str, Any]]:
        """Learn from the newest night's marts; each objective's NDCG@20 without and with it goes to XCom."""
        from dataclasses import asdict

        from handpick.lake.partitions import Lake
        from handpick.night import Night
        from handpick.stages.pretrain import pretrain as train
        from handpick.stages.pretrain.corpus import newest_night

        def learn() -> list[dict[str, Any]]:
            day = newest_night(Lake(SETTINGS.path(SETTINGS.lake.root)))
            return [asdict(worth) for worth in train(Night(SETTINGS, day))]

        return without_traceback(learn)

    pretrain()


weekly_pretraining()

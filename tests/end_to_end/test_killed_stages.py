"""Stages of a whole night, killed at random moments and run again, write what they had written undisturbed.

A tenth of the kills of `make bench NAME=faults`, which also kills what runs below Airflow.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from benchmarks.disturbed_nights import Home, Reader, Tally, check_message, finish_stage
from handpick.pipeline.registry import list_nightly_names

from .conftest import SETTINGS, House

KILLS = 10


def test_killed_stages_write_the_same_bytes_and_readers_see_whole_lists(house: House, tmp_path: Path) -> None:
    night = house.nights()[-1]
    seconds = {stage: night.result(stage).seconds for stage in list_nightly_names()}
    home, day = Home(tmp_path / "home", tmp_path), night.logical_date
    home.file.write_text(SETTINGS.format(port=house.port, engine="auto"))
    shutil.copytree(
        house.folder / "var", home.folder / "var", ignore=shutil.ignore_patterns("postgres", "airflow")
    )
    tally, draw = Tally(), random.Random(1)
    try:
        finish_stage(home, "publish", day, "undisturbed", tally)
        expected, content = home.digests(day), home.read_content()
        reader = Reader(home, {content})
        reader.start()
        stages = sorted(draw.sample(list_nightly_names(), KILLS), key=list_nightly_names().index)
        for number, stage in enumerate(stages):
            after = draw.uniform(0, max(0.5, seconds[stage]))
            what = f"{stage} killed after {after:.2f} s"
            pointer = home.read_pointer()
            ended = home.run_stage(stage, day, kill_after=after, only_process=number % 2 == 0)
            check_message(ended, home.read_pointer() != pointer, what, tally)
            finish_stage(home, stage, day, what, tally)
        reader.finish(tally)
        found = home.digests(day)
        assert [table for table in {*expected, *found} if expected.get(table) != found.get(table)] == []
        assert tally.problems == [] and reader.reads and home.read_content() == content
    finally:
        home.close()

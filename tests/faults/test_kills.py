"""A stage that is killed at any moment and run again writes what it would have written undisturbed.

`make bench NAME=faults` does the same with every stage of two whole nights.
"""

from __future__ import annotations

import random
from typing import Any

import pytest

from benchmarks.disturbed_nights import Home, Reader, Tally, check_message
from handpick.errors import ServingError
from handpick.lake.partitions import digest_files
from tests.stages.publish.conftest import DAY

KILLS = 3
"""Of each stage; a sample of the hundred kills of the benchmark."""

pytestmark = pytest.mark.timeout(120)


def test_landing_is_whole_or_not_there_after_a_kill(home: Home) -> None:
    done = home.run_stage("land", DAY)
    assert done.status == 0, done.output
    raw = home.folder / "var" / "lake" / "raw"
    expected = digest_files(raw)
    draw, tally = random.Random(1), Tally()
    for number in range(KILLS):
        ended = home.run_stage(
            "land", DAY, kill_after=draw.uniform(0, done.seconds), only_process=number % 2 == 0
        )
        check_message(ended, False, f"kill {number}", tally)
        again = home.run_stage("land", DAY)
        assert again.status == 0, again.output
        assert digest_files(raw) == expected
    assert not tally.problems


def test_readers_see_whole_versions_only_while_publish_is_killed(home: Home) -> None:
    done = home.run_stage("publish", DAY)
    assert done.status == 0, done.output
    expected, pointer = home.read_content(), home.read_pointer()
    reader, draw, tally = Reader(home, {expected}), random.Random(2), Tally()
    reader.start()
    for number in range(KILLS):
        # Another schema each time, so that there is something to load.
        schema: dict[str, Any] = {"HANDPICK__SERVING__SCHEMA_NAME": f"other{number}"}
        after = draw.uniform(0, done.seconds)
        running = home.server.start("publish", "--date", str(DAY), **schema)
        check_message(home.server.wait(running, after, number % 2 == 0), False, f"kill {number}", tally)
        again = home.server.run("publish", "--date", str(DAY), **schema)
        assert again.status == 0, again.output
    reader.finish(tally)
    assert reader.reads and not tally.problems
    assert (home.read_content(), home.read_pointer()) == (expected, pointer)


def test_the_same_night_twice_publishes_one_version(home: Home) -> None:
    for _ in range(2):
        done = home.run_stage("publish", DAY)
        assert done.status == 0, done.output
    assert home.read_pointer() == (1, DAY)


def test_a_false_claim_is_noticed() -> None:
    """The checks themselves can fail."""
    from benchmarks.stage_server import Ended

    tally = Tally()
    claim = f"handpick: {ServingError('refused. The pointer was not moved; nothing was lost.')}"
    check_message(Ended(1, 0.1, claim), False, "true", tally)
    assert not tally.problems
    check_message(Ended(1, 0.1, claim), True, "false", tally)
    check_message(Ended(1, 0.1, "Traceback (most recent call last):\nKeyError: 1"), False, "bug", tally)
    assert dict(tally.counts) == {"false_messages": 2, "tracebacks": 1}

"""Kills score and publish at random times; checks what readers see, and the digests afterwards.

A night at rung XS is run up to the gate. Then score and publish run repeatedly with alternating seeds (which
give different lists), are killed with SIGKILL, and run again to the end. `KILLS=4 make bench NAME=kill` is a
short run; the default is 50.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.demo_shops import LAST_DAY, make_shop, use_settings
from handpick.night import Night
from handpick.pipeline.registry import list_nightly_names
from handpick.serving.connection import connect
from handpick.serving.embedded import stop_embedded
from handpick.settings.load import Settings, load

KILLS = int(os.environ.get("KILLS", "50"))
SEEDS = ("7", "8")
STAGES_KILLED = ("score", "publish")
CONTENT = (
    "select list_version, count(*), count(distinct user_id), sum(hashtext(user_id || rank || item_id || "
    "reason)::bigint) from serving.recommendations group by list_version"
)


def measure() -> dict[str, Any]:
    """Count kills, reads that saw no complete version, and runs after a kill with another digest."""
    home = Path(tempfile.mkdtemp(prefix="handpick-kill-"))
    made = make_shop("XS")
    (home / "handpick.toml").write_text(
        f'[lake]\nlanding = "{made / "landing"}"\nmedia = "{made / "landing" / "media"}"\ntruth = '
        f'"{made / "truth"}"\n'
    )
    with use_settings(home / "handpick.toml"):
        settings = load()
        try:
            for stage in list_nightly_names()[: list_nightly_names().index("score")]:
                _run_stage(stage, SEEDS[0])
            return _kill_and_rerun(settings)
        finally:
            stop_embedded(settings)
            shutil.rmtree(home, ignore_errors=True)


def _kill_and_rerun(settings: Settings) -> dict[str, Any]:
    expected, allowed, lasts = {}, set(), dict.fromkeys(STAGES_KILLED, 0.0)
    for seed in SEEDS:
        for stage in STAGES_KILLED:
            began = time.monotonic()
            _run_stage(stage, seed)
            lasts[stage] = time.monotonic() - began
        expected[seed] = _read_digests(settings)
        allowed.add(_read_content(settings)[1:])  # without the version, which every publish raises
    watcher = _Reader(settings, allowed)
    watcher.start()
    draw = random.Random(1)
    killed: Counter[str] = Counter()
    differs = 0
    number = 0
    # A kill after the stage has ended does not count, so there may be more attempts than kills.
    while sum(killed.values()) < KILLS and number < 4 * KILLS:
        seed, victim = SEEDS[number % len(SEEDS)], STAGES_KILLED[number // 2 % len(STAGES_KILLED)]
        for stage in STAGES_KILLED:
            if stage == victim:
                killed[stage] += _start_and_kill(stage, seed, draw.uniform(0, lasts[stage]))
            _run_stage(stage, seed)
        differs += _read_digests(settings) != expected[seed]
        number += 1
    watcher.finish()
    return {
        "wrong_reads": len(watcher.wrong),
        "other_digests": differs,
        "kills": sum(killed.values()),
        **{f"kills_of_{stage}": count for stage, count in killed.items()},
        "reads": watcher.reads,
        "first_wrong_read": str(watcher.wrong[0]) if watcher.wrong else "none",
        "attempts": number,
    }


def _read_digests(settings: Settings) -> dict[str, str]:
    night = Night(settings, LAST_DAY)
    return {stage: night.result(stage).digest for stage in STAGES_KILLED}


def _read_content(settings: Settings) -> tuple[int, ...]:
    with connect(settings, reader=True) as connection:
        (row,) = connection.execute(CONTENT).fetchall()
    return tuple(row)


def _stage_command(stage: str) -> list[str]:
    return [sys.executable, "-m", "handpick.cli.main", stage, "--date", LAST_DAY.isoformat()]


def _run_stage(stage: str, seed: str) -> None:
    """Run a stage to its end."""
    environment = {**os.environ, "HANDPICK__SEED": seed if stage in STAGES_KILLED else SEEDS[0]}
    done = subprocess.run(_stage_command(stage), env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{stage} failed: {done.stderr[-2000:]}")


def _start_and_kill(stage: str, seed: str, after: float) -> bool:
    """Start a stage and kill it after some seconds; return False if it had ended by then."""
    environment = {**os.environ, "HANDPICK__SEED": seed}
    process = subprocess.Popen(
        _stage_command(stage),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # so that its child processes can be killed with it
    )
    time.sleep(after)
    if process.poll() is not None:
        return False
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return True


class _Reader(threading.Thread):
    """Reads the lists continuously, as a consumer.

    Collects results that are not one of the complete versions.
    """

    def __init__(self, settings: Settings, allowed: set[tuple[int, ...]]) -> None:
        super().__init__()
        self.settings, self.allowed = settings, allowed
        self.wrong: list[Any] = []
        self.reads = 0
        self.is_over = threading.Event()

    def run(self) -> None:
        """Read until `finish` is called."""
        with connect(self.settings, autocommit=True, reader=True) as connection:
            while not self.is_over.wait(0.05):
                try:
                    rows = connection.execute(CONTENT).fetchall()
                    if len(rows) != 1 or tuple(rows[0][1:]) not in self.allowed:
                        self.wrong.append(rows)
                except Exception as error:  # any error of a reader breaks the guarantee
                    self.wrong.append(error)
                self.reads += 1

    def finish(self) -> None:
        """Stop reading and wait for the thread to end."""
        self.is_over.set()
        self.join()

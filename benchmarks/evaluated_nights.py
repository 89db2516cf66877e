"""Provides demo shops whose night has run up to the evaluation, made once in the user's cache folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from datetime import date

from benchmarks.demo_shops import get_kept_folder
from handpick.night import Night
from handpick.pipeline.registry import get_stage, list_nightly_names

NIGHT = date(2026, 3, 1)
STAGES = list_nightly_names(through="evaluate")


def get_evaluated_night(rung: str = "S", seed: int = 7, difficulty: str = "default") -> Night:
    """Return the night of a shop with media, generated from a seed; the stages run only the first time."""
    from handpick.settings.load import load

    folder = get_kept_folder() / f"night-{rung}-{seed}{'' if difficulty == 'default' else f'-{difficulty}'}"
    environment = {**os.environ, "HANDPICK_CONFIG": str(folder / "handpick.toml")}
    # The marker is written last, so that an interrupted night is made again.
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        # A file that is not there, or is empty, is no home.
        (folder / "handpick.toml").write_text('[shop]\nname = "Benchmark"\n')
        _run_command(environment, "demo", "--rung", rung, "--seed", str(seed), "--difficulty", difficulty)
        for stage in STAGES:
            _run_command(environment, get_stage(stage).command, "--date", NIGHT.isoformat())
        (folder / "whole").touch()
    return Night(load(home=folder), NIGHT)


def _run_command(environment: dict[str, str], *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "handpick.cli.main", *arguments],
        env=environment, check=False, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"handpick {' '.join(arguments)} failed:\n{done.stderr[-3000:]}")

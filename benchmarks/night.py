"""Measures the first two nights at rung S as a new user runs them: a fresh folder, one command each."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

RUNS = int(os.environ.get("RUNS", "3"))
PORT = 8470


@functools.cache
def measure_two_nights() -> dict[str, Any]:
    """Measure both `handpick run` commands: seconds in total, of the nights and of overhead, and memory.

    The values are medians over RUNS fresh folders.
    """
    runs = [_run_two_nights(number) for number in range(RUNS)]
    middle = {key: median(run[key] for run in runs) for key in runs[0]}
    middle["second_share_of_first"] = median(run["second_seconds"] / run["first_seconds"] for run in runs)
    return {**middle, "runs": RUNS, "first_seconds_all": [run["first_seconds"] for run in runs]}


def _run_two_nights(number: int) -> dict[str, float]:
    folder = Path(tempfile.mkdtemp(prefix="handpick-night-"))
    config = folder / "handpick.toml"
    config.write_text(f"[airflow]\nport = {PORT + number}\n")
    environment = {**os.environ, "HANDPICK_CONFIG": str(config)}
    try:
        first = _time_command([sys.executable, "-m", "handpick.cli.main", "run", "--rung", "S"], environment)
        second = _time_command([sys.executable, "-m", "handpick.cli.main", "run"], environment)
        nights = sorted((folder / "var" / "lake" / "ledger").glob("logical_date=*"))
        results = [[json.loads(file.read_text()) for file in night.glob("*.json")] for night in nights]
    finally:
        subprocess.run(
            [sys.executable, "-m", "handpick.cli.main", "down"],
            env=environment,
            check=False,
            capture_output=True,
        )
        shutil.rmtree(folder, ignore_errors=True)
    # What stages report as work; the rest of the night is Airflow, process starts and imports.
    work = sum(result["seconds"] for result in results[0])
    return {
        "first_seconds": first["seconds"],
        "second_seconds": second["seconds"],
        "first_night_seconds": first["night"],
        "second_night_seconds": second["night"],
        "overhead_seconds": first["night"] - work,
        "peak_mib": max(result["notes"]["peak_mib"] for night in results for result in night),
    }


def _time_command(command: list[str], environment: dict[str, str]) -> dict[str, float]:
    """Run a command and return its wall seconds, and those of the night that it prints."""
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} failed:\n{done.stderr[-3000:]}")
    announced = next(
        line for line in done.stderr.splitlines() if line.startswith("The night of") and " took " in line
    )
    return {"seconds": seconds, "night": float(announced.rsplit(" took ", 1)[1].split()[0])}

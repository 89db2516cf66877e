"""Measures the stages from landing to features: rung M's first and second night, and growth over rungs.

Each stage runs in its own process, forked as Airflow's scheduler forks tasks. The first night takes all days
of the shop except the last, the second the last day's files.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from statistics import fmean
from typing import Any

import psutil

from benchmarks.demo_shops import LAST_DAY, shop_settings
from handpick.pipeline.registry import list_nightly_names

STAGES = list_nightly_names(through="feature_store")
MEMORY = {"XS": "1g", "S": "1g", "M": "4g", "L": "10g"}
"""Memory of Spark's driver by rung."""
WAREHOUSE = {"L": "8GiB"}
"""Memory of DuckDB by rung, where its default is too small for the rows."""


def measure() -> dict[str, Any]:
    """Measure the seconds of the first and the second night, and their ratio.

    At rung M, or RUNG from the environment.
    """
    rung = os.environ.get("RUNG", "M")
    first, second = _run_nights(rung, [LAST_DAY - timedelta(days=1), LAST_DAY])
    return {
        "rung": rung,
        "first_seconds": first["seconds"],
        "second_seconds": second["seconds"],
        "second_share_of_first": second["seconds"] / first["seconds"],
        "peak_mib": max(first["peak_mib"], second["peak_mib"]),
        **{f"first_{stage}_seconds": first[stage] for stage in STAGES},
        **{f"second_{stage}_seconds": second[stage] for stage in STAGES},
    }


def measure_growth() -> dict[str, Any]:
    """Measure the seconds and memory of the first night at each rung, and fit the exponent.

    The smaller rungs (RUNGS, by default S, M and L) run before and after the largest, so that a machine that
    gets faster or slower within the hour does not bias the fit; each rung's seconds are the mean of its
    nights.
    """
    rungs = os.environ.get("RUNGS", "S,M,L").split(",")
    nights: dict[str, list[dict[str, Any]]] = {rung: [] for rung in rungs}
    for rung in [*rungs, *rungs[-2::-1]]:
        nights[rung] += _run_nights(rung, [LAST_DAY])
        print(f"{rung}: {nights[rung][-1]['seconds']:.0f} s", file=sys.stderr, flush=True)
    every = [night for rung in rungs for night in nights[rung]]
    exponent, constant = fit_growth([(night["rows"], night["seconds"]) for night in every])
    return {
        "exponent": exponent,
        "constant_seconds": constant,
        "largest_peak_gib": max(night["peak_mib"] for night in every) / 1024,
        **{f"{rung}_events": nights[rung][0]["rows"] for rung in rungs},
        **{
            f"{rung}_{part}": fmean(night[key] for night in nights[rung])
            for rung in rungs
            for part, key in [("seconds", "seconds"), *((f"{stage}_seconds", stage) for stage in STAGES)]
        },
        **{
            f"{rung}_night_{number}_seconds": night["seconds"]
            for rung in rungs
            for number, night in enumerate(nights[rung], 1)
        },
    }


def fit_growth(points: list[tuple[float, float]]) -> tuple[float, float]:
    """Fit exponent p and constant c >= 0 of `seconds = c + a * rows ** p`, by relative least squares.

    Args:
        points: Rows and seconds of at least three sizes.
    """
    import numpy as np
    from scipy.optimize import nnls

    rows, seconds = (np.array(column, float) for column in zip(*points, strict=True))
    scale = rows / rows.max()
    tried = []
    # For a fixed exponent the rest is linear, so a grid over exponents finds the best fit.
    for exponent in np.linspace(0.3, 2.0, 341):
        parts = np.stack([np.ones_like(scale), scale**exponent], axis=1) / seconds[:, None]
        (constant, _), error = nnls(parts, np.ones_like(seconds))
        tried.append((round(float(error), 9), float(exponent), float(constant)))
    _, exponent, constant = min(tried)
    return exponent, constant


def _run_nights(rung: str, days: list[date]) -> list[dict[str, Any]]:
    """Run nights; return for each its seconds in total and by stage, its peak memory and its events."""
    with shop_settings(rung) as chosen:
        config = chosen.home / "handpick.toml"
        lake = {name: str(getattr(chosen.lake, name)) for name in ("root", "landing", "media", "truth")}
        lines = ["[lake]", *(f'{name} = "{path}"' for name, path in lake.items())]
        lines += ["[spark]", f'driver_memory = "{MEMORY[rung]}"']
        lines += ["[warehouse]", f'memory = "{WAREHOUSE[rung]}"'] if rung in WAREHOUSE else []
        config.write_text("\n".join([*lines, ""]))
        return [_run_night(config, chosen.home / "lake", day) for day in days]


def _run_night(config: Any, lake: Any, day: date) -> dict[str, Any]:
    with tempfile.TemporaryFile("w+") as errors:
        night = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.run_forked_stages", str(day), *STAGES],
            env={**os.environ, "HANDPICK_CONFIG": str(config)}, stdout=subprocess.PIPE, stderr=errors,
            text=True,
        )  # fmt: skip
        peak = _watch_memory(night.pid, night.poll)
        lines, _ = night.communicate()
        if night.returncode:
            errors.seek(0)
            raise RuntimeError(f"the night of {day} failed:\n{errors.read()[-3000:]}")
    found = {stage: float(seconds) for stage, seconds in map(str.split, lines.splitlines())}
    folder = lake / "ledger" / f"logical_date={day}"
    results = {stage: json.loads((folder / f"{stage}.json").read_text()) for stage in STAGES}
    events = next(flow for flow in results["land"]["flows"] if flow["source"] == "events")
    return {
        **found,
        "seconds": sum(found.values()),
        "rows": events["rows_in"],
        "peak_mib": peak,
    }


def _watch_memory(process: int, ended: Callable[[], int | None]) -> float:
    """Return the peak memory in MiB of a process with its descendants until it ends, sampled every second.

    Pages that they share are counted once (the proportional set size).
    """
    peak = 0
    while ended() is None:
        total = 0
        with contextlib.suppress(psutil.NoSuchProcess):
            for one in (psutil.Process(process), *psutil.Process(process).children(recursive=True)):
                with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    total += one.memory_full_info().pss
        peak = max(peak, total)
        time.sleep(1)
    return peak / 2**20

"""Measures what checksums and their comparison cost a night at rung S (`RUNG=XS` for a short run).

All stages of a first night run in this process, with a clock around the functions that only integrity
needs. Page checksums are computed inside of pyarrow: their cost is the difference between writing and reading
all of the night's Parquet files with and without them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow.parquet as pq

from benchmarks.demo_shops import LAST_DAY, make_shop, use_settings
from handpick.lake import partitions
from handpick.night import Night
from handpick.pipeline import runner
from handpick.pipeline.registry import list_nightly_names
from handpick.serving.embedded import stop_embedded
from handpick.settings.load import load

RUNG = os.environ.get("RUNG", "S")
RUNS = int(os.environ.get("RUNS", "3"))


def measure() -> dict[str, Any]:
    """Measure the seconds of integrity and their share of the night."""
    home = Path(tempfile.mkdtemp(prefix="handpick-integrity-"))
    made = make_shop(RUNG)
    (home / "handpick.toml").write_text(
        f'[lake]\nlanding = "{made / "landing"}"\nmedia = "{made / "landing" / "media"}"\ntruth = '
        f'"{made / "truth"}"\n'
    )
    with use_settings(home / "handpick.toml"):
        night = Night(load(), LAST_DAY)
        spent: dict[str, float] = {}
        try:
            began = time.perf_counter()
            with _clocks(spent):
                for stage in list_nightly_names():
                    runner.run_stage(stage, night)
            seconds = time.perf_counter() - began
            spent["page_checksums"] = _time_page_checksums(night)
        finally:
            stop_embedded(night.settings)
            shutil.rmtree(home, ignore_errors=True)
    return {
        "night_seconds": round(seconds, 1),
        "integrity_share": round(sum(spent.values()) / seconds, 4),
        **{f"{name}_seconds": round(value, 3) for name, value in spent.items()},
        "rung": RUNG,
    }


@contextmanager
def _clocks(spent: dict[str, float]) -> Iterator[None]:
    """Add up the seconds in the functions that only integrity needs."""

    def clocked(name: str, body: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            began = time.perf_counter()
            try:
                return body(*arguments, **options)
            finally:
                spent[name] = spent.get(name, 0.0) + time.perf_counter() - began

        return run

    kept = {name: getattr(partitions, name) for name in ("write_checksums", "find_damage")}
    digest = runner._digest_outputs
    try:
        for name, body in kept.items():
            setattr(partitions, name, clocked(name, body))
        runner._digest_outputs = clocked("digest_outputs", digest)
        yield
    finally:
        for name, body in kept.items():
            setattr(partitions, name, body)
        runner._digest_outputs = digest


def _time_page_checksums(night: Night) -> float:
    """Return the seconds that page checksums add to writing and reading the night's Parquet files once."""
    lake = night.lake
    files = [
        file
        for table in lake.list_tables()
        if lake.has(table, night.logical_date)
        for file in sorted(lake.partition(table, night.logical_date).rglob("*.parquet"))
    ]

    def copy(folder: Path, *, checksum: bool) -> float:
        began = time.perf_counter()
        for number, file in enumerate(files):
            rows = pq.read_table(file, page_checksum_verification=checksum)
            pq.write_table(
                rows, folder / f"{number}.parquet", compression="zstd", write_page_checksum=checksum
            )
        return time.perf_counter() - began

    with tempfile.TemporaryDirectory() as name:
        pairs = [copy(Path(name), checksum=True) - copy(Path(name), checksum=False) for _ in range(RUNS)]
    return max(0.0, median(pairs))

"""Compares the embedded engine with Spark: the row filter and the transforms of one night, each in a process.

Both read the same landed rows; what each measures includes its start (for Spark, the JVM). All valid,
quarantined and clean tables are compared by their digests before any ratio is reported.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

MEMORY = "6g"
"""Memory of Spark's driver; DuckDB has its default."""


def measure() -> dict[str, Any]:
    """Measure the smallest ratio of both engines' seconds over RUNGS (S and M by default)."""
    rungs = os.environ.get("RUNGS", "S,M").split(",")
    found = {rung: _measure_rung(rung) for rung in rungs}
    return {
        "spark_over_duckdb": min(one["spark_seconds"] / one["duckdb_seconds"] for one in found.values()),
        "tables_that_differ": sum(one["tables_that_differ"] for one in found.values()),
        **{f"{rung}_{name}": value for rung, one in found.items() for name, value in one.items()},
        **{f"{rung}_ratio": one["spark_seconds"] / one["duckdb_seconds"] for rung, one in found.items()},
    }


def _measure_rung(rung: str) -> dict[str, Any]:
    """Return the seconds of each engine, by part, and how many tables differ."""
    from benchmarks.demo_shops import LAST_DAY, shop_settings
    from handpick.night import Night
    from handpick.stages import land

    measured: dict[str, Any] = {}
    digests = {}
    with ExitStack() as homes:
        for engine in ("duckdb", "spark"):
            chosen = homes.enter_context(shop_settings(rung))
            night = Night(chosen, LAST_DAY)
            land.run(night)
            lines = ["[lake]", *(f'{name} = "{getattr(chosen.lake, name)}"' for name in _FOLDERS)]
            lines += ["[transform]", f'engine = "{engine}"', "[spark]", f'driver_memory = "{MEMORY}"']
            (chosen.home / "handpick.toml").write_text("\n".join([*lines, ""]))
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.engine", str(LAST_DAY)],
                env={**os.environ, "HANDPICK_CONFIG": str(chosen.home / "handpick.toml")},
                stdout=subprocess.PIPE, text=True, check=True,
            )  # fmt: skip
            parts = json.loads(done.stdout.splitlines()[-1])
            measured |= {f"{engine}_{part}_seconds": seconds for part, seconds in parts.items()}
            measured[f"{engine}_seconds"] = sum(parts.values())
            digests[engine] = dict(_digest_tables(night))
    differing = [table for table, digest in digests["duckdb"].items() if digests["spark"][table] != digest]
    return {**measured, "tables": len(digests["duckdb"]), "tables_that_differ": len(differing)}


_FOLDERS = ("root", "landing", "media", "truth")


def _digest_tables(night: Any) -> Iterator[tuple[str, str]]:
    """Yield every table that validation and transforms write, with the digest of its partition."""
    from handpick.contracts import CONTRACTS
    from handpick.lake.partitions import digest_files
    from handpick.stages.transform import CLEAN_TABLES

    tables = [f"{kind}/{source}" for kind in ("valid", "quarantine") for source in CONTRACTS]
    for table in [*tables, *(f"clean/{name}" for name in CLEAN_TABLES)]:
        yield table, digest_files(night.lake.partition(table, night.logical_date))


def _run_parts(day: str) -> dict[str, float]:
    """Run the row filter and the transforms of a night in this process, and return the seconds of each."""
    from datetime import date

    from handpick.contracts import CONTRACTS
    from handpick.lake.partitions import count_rows
    from handpick.night import Night
    from handpick.runtime.dataframes import start_engine
    from handpick.settings.load import load
    from handpick.stages import transform
    from handpick.stages.validate.source_validation import list_raw_partitions, validate_source

    night = Night(load(), date.fromisoformat(day))
    seconds: dict[str, float] = {}

    @contextmanager
    def timed(part: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        seconds[part] = time.perf_counter() - began

    with timed("filter"), start_engine(night.settings, count_rows(*list_raw_partitions(night))) as engine:
        for contract in CONTRACTS.values():
            validate_source(engine, night, contract)
    with timed("transform"):
        transform.run(night)
    return seconds


if __name__ == "__main__":
    print(json.dumps(_run_parts(sys.argv[1])))

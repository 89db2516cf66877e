"""The session starts fast where little is read, and takes Spark's classes from the archive where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handpick.runtime import spark

COUNTED = """
from pathlib import Path
from handpick.config import load
from handpick.spark import session
running = session(load(home=Path({home!r})), rows={rows})
rows = running.range(1000).selectExpr("id % 7 as who", "id / 3.0 as share")
print(rows.groupBy("who").agg({{"share": "sum"}}).sort("who").collect())
print(running.conf.get("spark.driver.extraJavaOptions"))
"""


def counted(home: Path, rows: int) -> list[str]:
    """The result of a small job and the JVM's options, from a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", COUNTED.format(home=str(home), rows=rows)],
        capture_output=True, text=True, check=True, env=os.environ,
    )  # fmt: skip
    assert "cds" not in done.stdout + done.stderr
    return done.stdout.strip().splitlines()[-2:]


@pytest.mark.parametrize("rows", [spark.TINY_ROWS - 1, spark.SHORT_ROWS - 1])
def test_a_short_session_computes_the_same(tmp_path: Path, rows: int) -> None:
    (short, its_options), (long, other_options) = counted(tmp_path, rows), counted(tmp_path, spark.SHORT_ROWS)
    assert short == long
    assert "TieredStopAtLevel=1" in its_options
    assert "TieredStopAtLevel=1" not in other_options
    assert ("SharedArchiveFile" in its_options) == spark.ARCHIVE.is_file()


def test_the_rows_of_partitions_are_counted_where_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "raw" / "events" / "logical_date=2026-01-01"
    assert spark.rows_in([folder]) == 0
    folder.mkdir(parents=True)
    for number in (0, 1):
        pq.write_table(pa.table({"event_id": ["a", "b"]}), folder / f"part-0000{number}.parquet")
    assert spark.rows_in([folder, tmp_path]) == 4

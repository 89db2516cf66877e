"""The session starts fast where little has landed, and takes Spark's classes from the archive where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handpick import spark

COUNTED = """
from pathlib import Path
from handpick.config import load
from handpick.spark import session
running = session(load(home=Path({home!r})), is_short={short})
rows = running.range(1000).selectExpr("id % 7 as who", "id / 3.0 as share")
print(rows.groupBy("who").agg({{"share": "sum"}}).sort("who").collect())
print(running.conf.get("spark.driver.extraJavaOptions"))
"""


def counted(home: Path, is_short: bool) -> list[str]:
    """The result of a small job and the JVM's options, from a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", COUNTED.format(home=str(home), short=is_short)],
        capture_output=True, text=True, check=True, env=os.environ,
    )  # fmt: skip
    assert "cds" not in done.stdout + done.stderr
    return done.stdout.strip().splitlines()[-2:]


def test_a_short_session_computes_the_same(tmp_path: Path) -> None:
    (short, its_options), (long, other_options) = counted(tmp_path, True), counted(tmp_path, False)
    assert short == long
    assert "TieredStopAtLevel=1" in its_options
    assert "TieredStopAtLevel=1" not in other_options
    assert ("SharedArchiveFile" in its_options) == spark.ARCHIVE.is_file()


def test_sessions_are_short_unless_much_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "raw" / "events" / "logical_date=2026-01-01"
    assert spark.is_short([folder])
    folder.mkdir(parents=True)
    for number in (0, 1):
        pq.write_table(pa.table({"event_id": ["a", "b"]}), folder / f"part-0000{number}.parquet")
    monkeypatch.setattr(spark, "SHORT_ROWS", 4)
    assert not spark.is_short([folder])
    monkeypatch.setattr(spark, "SHORT_ROWS", 5)
    assert spark.is_short([folder])

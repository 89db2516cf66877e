"""One process at a time writes a table; others wait, hear for whom, and find the lock free when it was killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from handpick.errors import Busy
from handpick.lake.partitions import Lake

NIGHT = date(2026, 3, 1)
TABLE = "clean/users"
WRITER = """
import sys, time
from datetime import date
from pathlib import Path
import pyarrow as pa
from handpick.lake.partitions import Lake, write_parquet

lake = Lake(Path(sys.argv[1]))
for number in range(int(sys.argv[2])):
    with lake.replace_partition("clean/users", date(2026, 3, 1)) as folder:
        rows = pa.table({"writer": [sys.argv[3] + str(number)] * 50})
        for part in range(4):
            write_parquet(rows, folder / f"part-{part:05d}.parquet")
        print("writing", flush=True)
        time.sleep(float(sys.argv[4]))
    time.sleep(0.05)
"""


def start_writer(root: Path, times: int, name: str, seconds: float) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", WRITER, str(root), str(times), name, str(seconds)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


def test_a_second_writer_hears_who_is_first_and_a_kill_frees_the_lock(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first = start_writer(tmp_path, 1, "first", 600)
    assert first.stdout is not None
    assert first.stdout.readline() == "writing\n"
    impatient = Lake(tmp_path, lock_timeout_s=0.2)
    with pytest.raises(Busy) as caught:
        impatient.write(TABLE, NIGHT, pa.table({"writer": ["second"]}))
    assert f"process {first.pid} on {os.uname().nodename} is busy with {TABLE} of {NIGHT}" in str(
        caught.value
    )
    assert f"waits: process {first.pid}" in " ".join(capfd.readouterr().err.split())
    assert not impatient.has(TABLE, NIGHT)
    first.kill()
    first.wait()
    impatient.write(TABLE, NIGHT, pa.table({"writer": ["second"]}))
    assert impatient.read(TABLE, NIGHT)["writer"].to_pylist() == ["second"]


def test_two_writers_at_once_and_a_reader_never_sees_a_mixture(tmp_path: Path) -> None:
    writers = [start_writer(tmp_path, 30, name, 0.0) for name in ("a", "b")]
    lake, versions = Lake(tmp_path), set()
    while any(writer.poll() is None for writer in writers):
        if lake.has(TABLE, NIGHT):
            seen = lake.read(TABLE, NIGHT)["writer"]
            assert len(seen) == 200
            assert len(seen.unique()) == 1
            versions.add(seen[0].as_py())
        else:
            time.sleep(0.01)
    assert [writer.returncode for writer in writers] == [0, 0]
    assert len(versions) > 2
    assert not [path.name for path in (tmp_path / TABLE).iterdir() if path.name.startswith(".")]


def test_a_process_may_take_its_lock_again(tmp_path: Path) -> None:
    lake = Lake(tmp_path, lock_timeout_s=1)
    with lake.lock_table(TABLE, NIGHT):
        lake.write(TABLE, NIGHT, pa.table({"writer": ["own"]}))
    assert lake.read(TABLE, NIGHT)["writer"].to_pylist() == ["own"]

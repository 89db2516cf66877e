"""A full or read-only disk is one line that says so, whichever library writes; the stage can be run again."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks.disturbed_nights import Home, Tally, check_message
from benchmarks.faults import full, mounted, read_only
from handpick.runtime.disk_errors import DiskFull, NoAccess, find_disk_error, report_disk_errors
from tests.stages.publish.conftest import DAY

pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("how", ["full", "read-only"])
def test_a_stage_on_a_broken_disk_stops_with_one_line(home: Home, folder: Path, how: str) -> None:
    try:
        place = mounted(folder, mib=32)
        place.__enter__()
    except (subprocess.CalledProcessError, OSError):
        pytest.skip("a file system of its own cannot be mounted here")
    try:
        landing = home.folder / "var" / "landing"
        shutil.copytree(landing, folder / "landing")
        moved: dict[str, Any] = {
            "HANDPICK__LAKE__ROOT": str(folder / "lake"),
            "HANDPICK__LAKE__LANDING": str(folder / "landing"),
        }
        with full(folder, left=50_000) if how == "full" else read_only(folder):
            ended = home.server.run("land", "--date", str(DAY), **moved)
        tally = Tally()
        check_message(ended, False, how, tally)
        assert ended.status == 1 and not tally.problems, ended.output
        expected = "the disk is full" if how == "full" else "the disk is read-only"
        assert f"handpick: {expected}: land of {DAY}" in ended.output
        again = home.server.run("land", "--date", str(DAY), **moved)
        assert again.status == 0, again.output
    finally:
        place.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "x.parquet"),
            DiskFull,
            r"the disk is full.*x\.parquet",
        ),
        (OSError(errno.EROFS, "Read-only file system"), NoAccess, "the disk is read-only"),
        (PermissionError(errno.EACCES, "Permission denied", "lake"), NoAccess, "has no right to it.*lake"),
        (sqlite3.OperationalError("database or disk is full"), DiskFull, "the disk is full"),
        (RuntimeError("IO Error: Could not write: No space left on device"), DiskFull, "the disk is full"),
    ],
)
def test_whatever_library_meets_the_disk_the_error_is_one_line(
    error: Exception, kind: type[DiskFull | NoAccess], words: str
) -> None:
    def write() -> None:
        try:
            raise error
        except Exception as cause:
            raise ValueError("a library's own error") from cause

    with pytest.raises(kind, match=words) as raised, report_disk_errors("the lists", "handpick score"):
        write()
    assert "\n" not in str(raised.value) and "run `handpick score`" in str(raised.value)


def test_other_errors_stay_what_they_are() -> None:
    assert find_disk_error(ValueError("no such column")) is None
    with pytest.raises(KeyError), report_disk_errors("the lists", "handpick score"):
        raise KeyError("item_id")

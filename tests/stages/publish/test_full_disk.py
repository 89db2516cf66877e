"""A full disk under the lake or the database: a one-line error and unchanged lists."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from handpick.errors import ServingError
from handpick.lake.locks import LOCK_FOLDER
from handpick.night import FAILURES_FOLDER, Night
from handpick.pipeline.runner import run_stage
from handpick.runtime.disk_errors import DiskFull
from handpick.serving.connection import connect
from handpick.serving.embedded import stop_embedded
from handpick.serving.versions import list_versions
from handpick.settings.load import Settings, load

from .conftest import DAY, write_lists

MIB = 1 << 20
NEXT = DAY + timedelta(days=1)


@contextmanager
def small_disk(folder: Path, mib: int) -> Iterator[Path]:
    """Mount a file system of a size in MiB at a folder."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=755", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(folder: Path, left: int) -> Iterator[None]:
    """Fill a file system up to a number of free bytes."""
    ballast = folder / "ballast"
    with ballast.open("wb") as stream:
        for _ in range((shutil.disk_usage(folder).free - left) // 4096):
            stream.write(bytes(4096))
    try:
        yield
    finally:
        ballast.unlink()


def files(folder: Path) -> list[str]:
    """List all files below a folder, without the locks that processes have taken and reasons of failures."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if path.parts[0] not in (LOCK_FOLDER, FAILURES_FOLDER))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "small", 24) as folder:
        yield folder


def test_a_lake_without_room_keeps_its_exports_and_the_pointer(
    settings: Settings, make_night: Callable[..., Night], disk: Path
) -> None:
    settings = settings.model_copy(update={"lake": settings.lake.model_copy(update={"root": disk / "lake"})})
    first, second = Night(settings, DAY), Night(settings, NEXT)
    write_lists(first)
    run_stage("publish", first)
    write_lists(second, users=9_000, seed=2)
    before = files(settings.lake.root)
    with filled(disk, left=200_000), pytest.raises(DiskFull, match="disk is full") as caught:
        run_stage("publish", second)
    assert "\n" not in str(caught.value)
    assert f"handpick publish --date {NEXT}" in str(caught.value)
    assert files(settings.lake.root) == before
    assert [one.logical_date for one in list_versions(settings) if one.is_current] == [DAY]
    assert run_stage("publish", second).notes["is_current"]


def test_a_partition_that_does_not_fit_leaves_the_one_before(settings: Settings, disk: Path) -> None:
    night = Night(
        settings.model_copy(update={"lake": settings.lake.model_copy(update={"root": disk / "lake"})}), DAY
    )
    write_lists(night)
    before = night.lake.read("lists/recommendations", DAY)
    with filled(disk, left=8_000), pytest.raises(OSError, match="No space left"):
        write_lists(night, users=9_000)
    assert night.lake.read("lists/recommendations", DAY) == before


def test_a_database_without_room_keeps_the_version_before(tmp_path: Path) -> None:
    with small_disk(tmp_path / "database", 160) as folder:
        home = tmp_path / "home"
        home.mkdir()
        settings = load(home=home, serving={"embedded_path": folder / "postgres"})
        try:
            first, second = Night(settings, DAY), Night(settings, NEXT)
            write_lists(first)
            write_lists(second, users=30_000, seed=2)
            run_stage("publish", first)
            with filled(folder, left=4 * MIB), pytest.raises(ServingError) as caught:
                run_stage("publish", second)
            assert "No space left on device" in str(caught.value)
            assert "The pointer was not moved" in str(caught.value)
            assert "\n" not in str(caught.value)
            (only,) = list_versions(settings)
            assert (only.logical_date, only.is_current) == (DAY, True)
            with connect(settings) as connection:
                tables = connection.execute(
                    r"select count(*) from pg_class where relname like '%\_v2%'"
                ).fetchone()
            assert tables == (0,)
            assert run_stage("publish", second).notes["is_current"]
        finally:
            stop_embedded(settings)

"""What is killed under a running night is noticed, named and cleaned up, and the next run goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from handpick.local_airflow.environment import COMPONENT_VARIABLE, HOME_VARIABLE
from handpick.local_airflow.processes import COMPONENTS, find_processes, find_running_components
from handpick.serving.embedded import stop_embedded
from handpick.settings.load import Settings, load
from tests.end_to_end.conftest import SETTINGS, free_port


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with settings, in whose environment commands and this process run."""
    (tmp_path / "handpick.toml").write_text(SETTINGS.format(port=free_port(), engine="auto"))
    monkeypatch.setenv("HANDPICK_CONFIG", str(tmp_path / "handpick.toml"))
    try:
        yield tmp_path
    finally:
        handpick("down")
        stop_embedded(load())


def handpick(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [sys.executable, "-m", "handpick.cli.main", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@contextmanager
def night_running(log: Path, settings: Settings, stage: str) -> Iterator[subprocess.Popen[bytes]]:
    """Start `handpick run` and wait until a stage is done under Airflow."""
    done = settings.path(settings.lake.root) / "ledger" / "logical_date=2026-03-01" / f"{stage}.json"
    done.unlink(missing_ok=True)
    command = [sys.executable, "-m", "handpick.cli.main", "run", "--rung", "XS"]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as run:
        try:
            wait_until(lambda: done.is_file() or run.poll() is not None, 240)
            assert run.poll() is None, log.read_text()
            yield run
        finally:
            run.kill()


def wait_until(holds: Callable[[], bool], seconds: float) -> None:
    """Wait until a condition holds, which it must in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def find_addresses(processes: list[psutil.Process]) -> set[str]:
    """The addresses that processes listen on."""
    found = set()
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            connections = process.net_connections("inet")
            found |= {one.laddr.ip for one in connections if one.status == psutil.CONN_LISTEN}
    return found


def test_a_killed_scheduler_or_database_ends_the_run_with_one_line_and_leaves_nothing(home: Path) -> None:
    settings = load()
    database = settings.path(settings.serving.embedded_path)

    with night_running(home / "first.log", settings, "land") as run:
        # All processes of Airflow and of its tasks, and the database's.
        postmaster = psutil.Process(int((database / "postmaster.pid").read_text().splitlines()[0]))
        running = find_running_components(settings)
        assert set(running) == set(COMPONENTS)
        assert find_addresses([*find_processes(settings), postmaster]) == {"127.0.0.1"}
        os.kill(running["scheduler"], signal.SIGKILL)
        assert run.wait(timeout=60) == 1
    last = (home / "first.log").read_text().strip().splitlines()[-1]
    assert last.startswith("handpick: Airflow's scheduler ended or was killed while the night ran"), last
    assert str(settings.path(settings.airflow.home) / "logs" / "scheduler.log") in last
    assert find_processes(settings) == []

    with night_running(home / "second.log", settings, "land") as run:
        postmaster = psutil.Process(int((database / "postmaster.pid").read_text().splitlines()[0]))
        postmaster.kill()
        assert run.wait(timeout=60) == 1
    last = (home / "second.log").read_text().strip().splitlines()[-1]
    assert last.startswith("handpick: Airflow's database ended or was killed while the night ran"), last
    assert str(database / "log") in last
    assert "Traceback" not in (home / "first.log").read_text() + (home / "second.log").read_text()
    assert find_processes(settings) == []


def test_down_stops_what_a_killed_component_has_left_and_nothing_else(home: Path) -> None:
    airflow_home = str(load().path(load().airflow.home))
    marks = {HOME_VARIABLE: airflow_home, COMPONENT_VARIABLE: "scheduler"}
    others = [{}, {HOME_VARIABLE: airflow_home}, {**marks, HOME_VARIABLE: f"{airflow_home}-of-another"}]
    # In a group and a session of their own, as after their parent's end.
    started = [
        subprocess.Popen(["sleep", "60"], env={**os.environ, **each}, start_new_session=True)
        for each in (marks, *others)
    ]
    try:
        assert handpick("down").stdout == "Stopped: 1 process that a killed component had left.\n"
        assert started[0].wait(timeout=10) == -signal.SIGTERM
        assert [process.poll() for process in started[1:]] == [None] * len(others)
        assert handpick("down").stdout == "Nothing was running.\n"
    finally:
        for process in started:
            process.kill()
            process.wait()

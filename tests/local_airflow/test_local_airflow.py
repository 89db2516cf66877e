"""Starting and stopping the local Airflow, and errors of the command line in one line."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from handpick.local_airflow.environment import DAG_FILES, find_dags_change_time
from handpick.local_airflow.processes import _started_at

ROOT = Path(__file__).parents[2]


def handpick(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line with a settings file of its own."""
    config = folder / "handpick.toml"
    config.touch()
    return subprocess.run(
        [sys.executable, "-m", "handpick.cli.main", *arguments],
        env={**os.environ, "HANDPICK_CONFIG": str(config), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_port_that_is_taken_is_an_error_of_one_line_and_nothing_is_started(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        done = handpick(tmp_path, "up", HANDPICK__AIRFLOW__PORT=port)
    assert done.returncode == 1
    assert done.stderr.startswith(f"handpick: Port {port} on 127.0.0.1 is already in use by another program")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "var").exists()


def test_down_where_nothing_runs_says_so(tmp_path: Path) -> None:
    done = handpick(tmp_path, "down")
    assert (done.returncode, done.stdout) == (0, "Nothing was running.\n")


def test_a_night_without_input_says_which_source_and_where_it_looked(tmp_path: Path) -> None:
    done = handpick(tmp_path, "land", "--date", "2026-03-01")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "no landing file of catalog for 2026-03-01" in done.stderr
    assert str(tmp_path / "var" / "landing" / "catalog") in done.stderr


def test_a_stage_without_its_input_names_the_stage_to_run_first(tmp_path: Path) -> None:
    done = handpick(tmp_path, "score", "--date", "2026-03-01")
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "run `handpick" in done.stderr


def test_a_serving_database_that_does_not_answer_is_an_error_of_one_line_without_the_password(
    tmp_path: Path,
) -> None:
    dsn = "postgresql://somebody:very-secret@127.0.0.1:9/none"
    done = handpick(tmp_path, "versions", HANDPICK__SERVING__DSN=dsn)
    assert done.returncode == 1
    assert "the server of serving.dsn does not answer" in done.stderr
    assert "very-secret" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_zombie_counts_as_a_process_that_has_ended() -> None:
    child = subprocess.Popen(["sleep", "60"])
    try:
        assert _started_at(child.pid) is not None
        child.kill()
        deadline = time.monotonic() + 10
        while _started_at(child.pid) is not None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert _started_at(child.pid) is None
    finally:
        child.wait()


def test_a_dag_counts_as_read_only_after_its_files_and_the_settings_last_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "handpick.toml"
    config.touch()
    monkeypatch.setenv("HANDPICK_CONFIG", str(config))
    os.utime(config, (0, 0))
    newest = max(file.stat().st_mtime for part in DAG_FILES for file in ROOT.glob(part) if file.is_file())
    # A datetime has a resolution of microseconds, a file's time one of nanoseconds.
    assert find_dags_change_time().timestamp() == pytest.approx(newest, rel=0, abs=1e-5)
    os.utime(config, (newest + 60, newest + 60))
    assert find_dags_change_time().timestamp() == pytest.approx(newest + 60, rel=0, abs=1e-5)

"""The warehouse's lock: a second process waits and logs it; a killed one does not block the next."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from handpick.settings.load import Settings
from handpick.stages.warehouse.dbt_runner import lock_warehouse

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import sys
from pathlib import Path
from handpick.settings.load import Settings
from handpick.stages.warehouse.dbt_runner import lock_warehouse
with lock_warehouse(Settings(home=Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


def start_holder(home: Path) -> subprocess.Popen[str]:
    """Start a process that holds the lock until its standard input ends."""
    command = [sys.executable, "-c", SCRIPT, str(home)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_killed_process_releases_the_lock(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with start_holder(tmp_path) as process:
        process.kill()
        process.wait()
        with lock_warehouse(Settings(home=tmp_path)):
            assert "waiting" not in capsys.readouterr().err


def test_a_second_process_waits_and_says_so(tmp_path: Path) -> None:
    first = start_holder(tmp_path)
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as second:
        assert second.stderr is not None and second.stdout is not None
        assert "another night is building the warehouse" in second.stderr.readline()
        assert second.poll() is None
        first.communicate()
        assert second.stdout.readline() == "held\n"
        second.communicate()

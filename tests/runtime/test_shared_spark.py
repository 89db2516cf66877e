"""Stages of a night in processes of their own share one Spark JVM, which no end of a process leaves behind."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

STAGE = """
import sys
from pathlib import Path
from handpick.errors import HandpickError
from handpick.runtime.shared_spark import share_spark
from handpick.runtime.spark import get_spark_session
from handpick.settings.load import load

home, is_last, rows, end = Path(sys.argv[1]), sys.argv[2] == "last", int(sys.argv[3]), sys.argv[4]
try:
    with share_spark(home / "spark", "night", is_last):
        spark = get_spark_session(load(home=home), rows)
        assert get_spark_session(load(home=home), rows) is spark
        # Each stage has a session, and with it names of views, of its own.
        spark.range(1000).selectExpr("id % 7 as who", "id / 3.0 as share").createTempView("rows")
        sums = spark.sql("select who, sum(share) from rows group by who order by who").collect()
        jvm = spark.sparkContext._jvm.java.lang.ProcessHandle.current().pid()
        print([jvm, str(sums), spark.conf.get("spark.sql.shuffle.partitions")], flush=True)
        if end:  # until it is killed, or its input is closed: who looks at the JVM is never too late
            sys.stdin.read()
        if end == "fail":
            raise HandpickError("bad rows")
except HandpickError as error:
    print(error)
"""


@contextmanager
def stage(
    home: Path, place: str, rows: int, end: str = ""
) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A stage's process, and the JVM, the sums and the number of partitions that it prints."""
    command = [sys.executable, "-c", STAGE, str(home), place, str(rows), end]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, [str(part) for part in eval(process.stdout.readline())]
        finally:
            if end != "wait":
                process.communicate()


def wait_for_end(*processes: psutil.Process) -> None:
    """Wait until processes have ended."""
    deadline = time.monotonic() + 20
    while any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def find_keeper(home: Path) -> psutil.Process:
    """The process that holds the JVM of a home."""
    return psutil.Process(json.loads((home / "spark" / "night.json").read_text())["pid"])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an empty settings file."""
    (tmp_path / "handpick.toml").touch()
    monkeypatch.setenv("HANDPICK_CONFIG", str(tmp_path / "handpick.toml"))
    return tmp_path


def test_stages_share_a_jvm_that_ends_with_the_last_of_them(home: Path) -> None:
    with stage(home, "first", 100) as (_, first):
        pass
    keeper, jvm = find_keeper(home), psutil.Process(int(first[0]))
    assert stat.S_IMODE((home / "spark" / "night.json").stat().st_mode) == 0o600
    listening = [one.laddr.ip for one in jvm.net_connections() if one.status == psutil.CONN_LISTEN]
    assert listening and {address.removeprefix("::ffff:") for address in listening} == {"127.0.0.1"}
    assert not [
        one
        for one in keeper.net_connections("inet")
        if one.status == psutil.CONN_LISTEN and one.laddr.ip != "127.0.0.1"
    ]
    # More rows: the same results, with options of its own.
    with stage(home, "last", 500_000) as (_, second):
        pass
    assert second[:2] == first[:2]
    wait_for_end(keeper, jvm)
    assert not (home / "spark" / "night.json").exists()


def test_a_stage_that_is_killed_or_fails_takes_the_jvm_with_it(home: Path) -> None:
    with stage(home, "first", 100, "wait") as (process, found):
        keeper, jvm = find_keeper(home), psutil.Process(int(found[0]))
        process.kill()
    wait_for_end(keeper, jvm)
    # A keeper that is killed takes the JVM with it, and the next stage starts another.
    with stage(home, "first", 100) as (_, found):
        pass
    keeper, jvm = find_keeper(home), psutil.Process(int(found[0]))
    keeper.kill()
    wait_for_end(keeper, jvm)
    with stage(home, "first", 100, "fail") as (_, again):
        keeper, jvm = find_keeper(home), psutil.Process(int(again[0]))
        assert again[1:] == found[1:]
    wait_for_end(keeper, jvm)

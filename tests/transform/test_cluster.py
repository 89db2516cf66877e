"""By configuration alone the same transforms run on a Spark cluster, and write the same bytes."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyspark
import pytest

from handpick.lake import Lake, digest_of
from handpick.transform import CLEAN

from .conftest import FIRST, SECOND, write_shop

JARS = str(Path(pyspark.__file__).parent / "jars" / "*")
JAVA = ["java", "-Xmx384m", "-XX:TieredStopAtLevel=1", "-cp", JARS]
OPENED = [
    f"--add-opens=java.base/{package}=ALL-UNNAMED"
    for package in ("java.lang", "java.nio", "java.util", "sun.nio.ch", "sun.security.action")
]

NIGHTS = """
import sys
from datetime import date
from handpick import transform
from handpick.config import load
from handpick.night import Night
from handpick.spark import session
for day in sys.argv[1:]:
    transform.run(Night(load(), date.fromisoformat(day)))
print("executors", session(load()).sparkContext._jsc.sc().getExecutorMemoryStatus().size() - 1)
"""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def process(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the test."""
    environment = {
        **os.environ,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "SPARK_HOME": str(Path(pyspark.__file__).parent),
        "SPARK_SCALA_VERSION": "2.13",  # what Spark's own start scripts export
    }
    with (
        log.open("wb") as sink,
        subprocess.Popen(command, stdout=sink, stderr=sink, env=environment) as running,
    ):
        try:
            yield running
        finally:
            running.terminate()


def wait_for(log: Path, told: str, times: int = 1) -> None:
    for _ in range(600):
        if len(re.findall(told, log.read_text())) >= times:
            return
        time.sleep(0.2)
    raise TimeoutError(f"{told!r} was not told {times} times:\n{log.read_text()[-2000:]}")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """URL of a Spark master with two workers of one core each, on loopback."""
    port = free_port()
    url = f"spark://127.0.0.1:{port}"
    deploy = "org.apache.spark.deploy"
    master = [
        *JAVA, *OPENED, f"{deploy}.master.Master", "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0",
    ]  # fmt: skip
    worker = [
        *JAVA,
        *OPENED,
        f"{deploy}.worker.Worker",
        "--host",
        "127.0.0.1",
        "--cores",
        "1",
        "--memory",
        "1g",
    ]
    log = tmp_path / "master.log"
    with contextlib.ExitStack() as running:
        running.enter_context(process(master, log))
        wait_for(log, "Starting Spark master")
        for number in range(2):
            folder = tmp_path / f"worker-{number}"
            command = [*worker, "--webui-port", "0", "--work-dir", str(folder), url]
            running.enter_context(process(command, tmp_path / f"worker-{number}.log"))
        wait_for(log, "Registering worker", times=2)
        yield url


def transformed(home: Path, master: str) -> tuple[dict[str, str], str]:
    """Digests of two nights transformed on a master, in a process of their own, and what it printed."""
    home.mkdir()
    lines = ["[spark]", f'master = "{master}"', "[spark.options]", '"spark.executor.memory" = "600m"']
    (home / "handpick.toml").write_text("\n".join([*lines, '"spark.cores.max" = "2"', ""]))
    lake = Lake(home / "var" / "lake")
    write_shop(lake)
    done = subprocess.run(
        [sys.executable, "-c", NIGHTS, str(FIRST), str(SECOND)],
        env={**os.environ, "HANDPICK_CONFIG": str(home / "handpick.toml")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    days = (FIRST, SECOND)
    return {
        f"{name} {day}": digest_of(lake.partition(f"clean/{name}", day)) for name in CLEAN for day in days
    }, done.stdout


@pytest.mark.slow
def test_a_master_and_two_workers_write_the_same_bytes_as_one_process(cluster: str, tmp_path: Path) -> None:
    on_cluster, told = transformed(tmp_path / "cluster", cluster)
    assert "executors 2" in told
    alone, _ = transformed(tmp_path / "alone", "local[*]")
    assert on_cluster == alone

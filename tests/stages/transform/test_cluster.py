"""The same transforms run on a Spark cluster by configuration alone and write the same bytes."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pyspark
import pytest

from handpick.lake.partitions import Lake, digest_files
from handpick.night import Night
from handpick.stages.transform import CLEAN_TABLES

from .conftest import SECOND

JARS = str(Path(pyspark.__file__).parent / "jars" / "*")
JAVA = ["java", "-Xmx384m", "-XX:TieredStopAtLevel=1", "-cp", JARS]
OPENED = [
    f"--add-opens=java.base/{package}=ALL-UNNAMED"
    for package in ("java.lang", "java.nio", "java.util", "sun.nio.ch", "sun.security.action")
]

SECRET = "of-the-cluster-7Qz"
NIGHT = """
import os
import sys
from datetime import date
import psutil
from handpick.night import Night
from handpick.runtime.spark import get_spark_session
from handpick.settings.load import load
from handpick.stages import transform
transform.run(Night(load(), date.fromisoformat(sys.argv[1])))
print("executors", get_spark_session(load()).sparkContext._jsc.sc().getExecutorMemoryStatus().size() - 1)
secret = os.environ["HANDPICK__SPARK__SECRET"]
hadoop = get_spark_session(load()).sparkContext._jsc.hadoopConfiguration()
print("hadoop has the key:", hadoop.get("of.any.name") == f"{secret}\\\\with a backslash")
commands = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
print("commands that state the secret:", sum(secret in command for command in commands))
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
    """URL of a Spark master with two workers of one core each, on loopback; it takes work by a secret only."""
    options = tmp_path / "spark.conf"
    options.write_text(
        f"spark.authenticate true\nspark.authenticate.secret {SECRET}\nspark.network.crypto.enabled true\n"
    )
    port = free_port()
    url = f"spark://127.0.0.1:{port}"
    deploy = "org.apache.spark.deploy"
    master = [
        *JAVA, *OPENED, f"{deploy}.master.Master", "--properties-file", str(options), "--host", "127.0.0.1", "--port", str(port), "--webui-port", "0",
    ]  # fmt: skip
    worker = [
        *JAVA,
        *OPENED,
        f"{deploy}.worker.Worker",
        "--properties-file",
        str(options),
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


def transformed(home: Path, done: Lake, master: str) -> tuple[dict[str, str], str]:
    """Digests of the second night, transformed on a cluster in another process, and its output."""
    home.mkdir()
    lines = ["[spark]", f'master = "{master}"', "[spark.options]", '"spark.executor.memory" = "600m"']
    lines += [
        '"spark.cores.max" = "2"',
        f"'spark.hadoop.of.any.name' = '{SECRET}\\with a backslash'",
        "",
    ]
    (home / "handpick.toml").write_text("\n".join(lines))
    lake = Lake(home / "var" / "lake")
    shutil.copytree(done.root, lake.root)
    for name in CLEAN_TABLES:
        shutil.rmtree(lake.partition(f"clean/{name}", SECOND))
    run = subprocess.run(
        [sys.executable, "-c", NIGHT, str(SECOND)],
        env={**os.environ, "HANDPICK_CONFIG": str(home / "handpick.toml"), "HANDPICK__SPARK__SECRET": SECRET},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr[-3000:]
    return digests(lake), run.stdout


def digests(lake: Lake) -> dict[str, str]:
    return {name: digest_files(lake.partition(f"clean/{name}", SECOND)) for name in CLEAN_TABLES}


@pytest.mark.slow
def test_a_master_and_two_workers_write_the_same_bytes_as_one_process(
    cluster: str, nights: tuple[Night, Night], tmp_path: Path
) -> None:
    alone = nights[1].lake
    on_cluster, told = transformed(tmp_path / "cluster", alone, cluster)
    assert "executors 2" in told
    assert "commands that state the secret: 0" in told
    assert "hadoop has the key: True" in told
    assert on_cluster == digests(alone)
    assert SECRET not in told

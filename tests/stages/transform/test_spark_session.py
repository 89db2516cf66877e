"""The Spark session starts fast where little is read, and uses the class archive where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from handpick.runtime import spark

COUNTED = """
from pathlib import Path
from handpick.runtime.spark import get_spark_session
from handpick.settings.load import load
running = get_spark_session(load(home=Path({home!r})), rows={rows})
rows = running.range(1000).selectExpr("id % 7 as who", "id / 3.0 as share")
print(rows.groupBy("who").agg({{"share": "sum"}}).sort("who").collect())
print(running.conf.get("spark.driver.extraJavaOptions"))
"""


def counted(home: Path, rows: int) -> list[str]:
    """The result of a small job and the JVM's options, from a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", COUNTED.format(home=str(home), rows=rows)],
        capture_output=True, text=True, check=True, env=os.environ,
    )  # fmt: skip
    assert "cds" not in done.stdout + done.stderr
    return done.stdout.strip().splitlines()[-2:]


@pytest.mark.parametrize("rows", [spark.TINY_ROWS - 1, spark.SHORT_ROWS - 1])
def test_a_short_session_computes_the_same(tmp_path: Path, rows: int) -> None:
    (short, its_options), (long, other_options) = counted(tmp_path, rows), counted(tmp_path, spark.SHORT_ROWS)
    assert short == long
    assert "TieredStopAtLevel=1" in its_options
    assert "TieredStopAtLevel=1" not in other_options
    assert ("SharedArchiveFile" in its_options) == spark.CLASS_ARCHIVE.is_file()


REACHED = """
from pathlib import Path
from handpick.runtime.spark import get_spark_session
from handpick.settings.load import load
running = get_spark_session(load(home=Path({home!r})), rows=1)
jvm = running.sparkContext._jvm
port = int(running.sparkContext.getConf().get("spark.driver.port"))
driver = jvm.org.apache.spark.rpc.RpcAddress("127.0.0.1", port)
stranger = jvm.org.apache.spark.SparkConf(False).set("spark.rpc.numRetries", "1")
config = getattr(getattr(jvm.org.apache.spark.internal.config, "package$"), "MODULE$")
manager = jvm.org.apache.spark.SecurityManager(stranger, jvm.scala.Option.empty(), config.AUTH_SECRET_FILE())
endpoints = jvm.org.apache.spark.rpc.RpcEnv.create(
    "stranger", "127.0.0.1", "127.0.0.1", 0, stranger, manager, 1, True
)
try:
    endpoints.setupEndpointRef(driver, "HeartbeatReceiver")
except Exception as error:
    print("refused:", str(error).splitlines()[0])
else:
    print("reached")
"""
"""Another program of this machine, without the secret, asks the driver for one of its endpoints."""


def test_the_driver_takes_nothing_from_other_programs_of_the_machine(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", REACHED.format(home=str(tmp_path))],
        capture_output=True, text=True, check=True, env=os.environ,
    )  # fmt: skip
    assert done.stdout.startswith("refused:"), done.stdout + done.stderr

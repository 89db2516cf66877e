"""The Spark session of a process, configured by the settings and by how many rows will be read."""

from __future__ import annotations

import atexit
import logging
import os
import re
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from handpick.errors import ConfigurationError
from handpick.runtime.shared_spark import get_shared_spark
from handpick.settings.load import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CONF_FOLDER = Path(__file__).parent / "spark_conf"
MISSING_CONF_FOLDER = CONF_FOLDER / "none"
"""Absent on purpose: Spark puts its configuration folder on the class path, and a JVM whose class path holds
a folder with files does not use the archive."""
CLASS_ARCHIVE = Path(sys.prefix) / "share" / "handpick" / "spark.jsa"
"""Class-data-sharing archive of Spark's classes, made by `handpick.runtime.jvm_archive` when the environment
is installed."""

JVM_OPTIONS = (
    "-XX:+UseParallelGC",
    f"-Dlog4j2.configurationFile={(CONF_FOLDER / 'log4j2.properties').as_uri()}",
)
LONG_RUN_OPTIONS = (
    "-XX:Tier4InvocationThreshold=60000",
    "-XX:Tier4MinInvocationThreshold=30000",
    "-XX:Tier4CompileThreshold=150000",
    "-XX:Tier4BackEdgeThreshold=1000000",
)
"""Raise the thresholds of the optimizing compiler (C2) several times: by default much of a night's processor
time goes into compiling code that runs for a second."""
SHORT_RUN_OPTIONS = ("-XX:TieredStopAtLevel=1",)
"""Compile with the fast compiler (C1) only."""
SHORT_OPTIONS = {"spark.sql.adaptive.enabled": "false", "spark.sql.shuffle.partitions": "1"}
SHORT_ROWS = 1_000_000
"""With fewer rows no code runs long enough to gain from the optimizing compiler, and one partition is
enough."""
TINY_OPTIONS = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
TINY_ROWS = 50_000
"""With fewer rows even compiling the Java code that Spark generates for each query takes longer than
interpreting it."""


def get_spark_session(settings: Settings, rows: int = SHORT_ROWS) -> SparkSession:
    """Return the running session, or start one: UTC, microsecond timestamps, loopback only, no web UI.

    Where stages share a JVM (`handpick.runtime.shared_spark`), the session is a new one in that JVM.

    Args:
        settings: All settings; `[spark]` names the master and further options.
        rows: About how many rows will be read. With few, options favour a fast start over throughput; results
            are the same.

    Raises:
        ConfigurationError: If there is no Java.
    """
    _require_java()
    from pyspark.sql import SparkSession

    logging.getLogger("py4j").setLevel(logging.ERROR)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_CONF_DIR", str(MISSING_CONF_FOLDER))
    spark = settings.spark
    hidden = dict(spark.options)
    if spark.secret:
        hidden["spark.authenticate.secret"] = spark.secret.get_secret_value()
    if hidden:
        _store_hidden_options(tuple(sorted(hidden.items())))
    options = {
        "spark.driver.memory": spark.driver_memory,
        "spark.driver.extraJavaOptions": " ".join(_jvm_options(rows)),
        "spark.sql.shuffle.partitions": str(spark.shuffle_partitions),
        "spark.sql.session.timeZone": "UTC",
        # The default is a folder `spark-warehouse` in the current directory.
        "spark.sql.warehouse.dir": (settings.path(settings.warehouse.path).parent / "spark").as_uri(),
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.parquet.compression.codec": "zstd",
        # Each page has a checksum, and is compared with it when it is read.
        "spark.hadoop.parquet.page.write-checksum.enabled": "true",
        "spark.hadoop.parquet.page.verify-checksum.enabled": "true",
        # `logical_date` stays text, as dbt's and Feast's queries expect it.
        "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.adaptive.coalescePartitions.enabled": "true",
        # Spark refuses to read nanosecond timestamps, which other writers may have left in a file, any other
        # way.
        "spark.sql.legacy.parquet.nanosAsLong": "true",
        # No `_SUCCESS` file: a partition's digest covers every file in its folder.
        "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.master": spark.master,
        "spark.app.name": "handpick",
        **({"spark.network.crypto.enabled": "true"} if spark.secret else {}),
        # The driver listens also without a cluster, and would take objects of Java from any user of the
        # machine. Without a cluster Spark makes the secret itself.
        **({"spark.authenticate": "true"} if spark.secret or spark.master.startswith("local") else {}),
    }
    session_options = {
        **(SHORT_OPTIONS if rows < SHORT_ROWS else {}),
        **(TINY_OPTIONS if rows < TINY_ROWS else {}),
    }
    # What the user sets wins, and the JVM reads it from the file: the command line would win over that.
    options, session_options = (
        {name: value for name, value in some.items() if name not in spark.options}
        for some in (options, session_options)
    )
    if shared := get_shared_spark():
        return shared.open_session(options, {**session_options, **spark.options}, is_short=rows < SHORT_ROWS)
    builder = SparkSession.builder
    for key, value in {**options, **session_options}.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def _require_java() -> None:
    """Raise a ConfigurationError if there is no Java that PySpark could start."""
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java", path=str(Path(home) / "bin") if home else None) is None:
        where = f"in JAVA_HOME={home}" if home else "on the PATH, and JAVA_HOME is not set"
        raise ConfigurationError(
            f"Spark needs Java 17 or newer, and there is no java {where}; nothing was written. Install a JRE "
            "(Debian: openjdk-17-jre-headless), or take DuckDB, which needs none: transform.engine, "
            'warehouse.target and features.offline_store are then "duckdb", score.engine "local".'
        )


@cache
def _store_hidden_options(options: tuple[tuple[str, str], ...]) -> None:
    """Give the JVM options by a file of its configuration folder, until this process ends.

    PySpark puts all options of a session on the JVM's command line, which every user of the machine can read,
    and any of the user's options may hold a secret. What the folder that was in use holds stays in use.
    """
    folder = Path(tempfile.mkdtemp(prefix="handpick-spark-"))  # only its owner can enter it
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    before = Path(os.environ["SPARK_CONF_DIR"])
    for file in before.iterdir() if before.is_dir() else ():
        if file.is_file():
            shutil.copy(file, folder)
    with (folder / "spark-defaults.conf").open("a") as stream:
        stream.write("".join(f"\n{_escape(name)} {_escape(value)}" for name, value in options) + "\n")
    (folder / "spark-defaults.conf").chmod(0o600)
    os.environ["SPARK_CONF_DIR"] = str(folder)


def _escape(text: str) -> str:
    """Escape a name or a value of Java's properties."""
    return re.sub(r"[\\:=#! ]", r"\\\g<0>", text).replace("\n", "\\n").replace("\r", "\\r")


def _jvm_options(rows: int) -> tuple[str, ...]:
    """Return the JVM's options for a session that reads about so many rows."""
    # -Xlog:disable: a JVM that cannot use the archive would print a warning into the night's output.
    archive = (f"-XX:SharedArchiveFile={CLASS_ARCHIVE}", "-Xlog:disable") if CLASS_ARCHIVE.is_file() else ()
    return (*JVM_OPTIONS, *(SHORT_RUN_OPTIONS if rows < SHORT_ROWS else LONG_RUN_OPTIONS), *archive)

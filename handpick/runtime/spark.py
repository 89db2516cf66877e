"""The Spark session that transforms and the row filter share within a process."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from handpick.settings.load import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

CONF = Path(__file__).parent / "spark_conf"
NO_FOLDER = CONF / "none"
"""Not there on purpose: a JVM with a folder of files on its class path does not use the archive."""
ARCHIVE = Path(sys.prefix) / "share" / "handpick" / "spark.jsa"
"""Spark's classes as the JVM holds them in memory, made by `handpick.runtime.jvm_archive` when the environment is installed."""

JVM_OPTIONS = ("-XX:+UseParallelGC", f"-Dlog4j2.configurationFile={(CONF / 'log4j2.properties').as_uri()}")
LONG = (
    "-XX:Tier4InvocationThreshold=60000",
    "-XX:Tier4MinInvocationThreshold=30000",
    "-XX:Tier4CompileThreshold=150000",
    "-XX:Tier4BackEdgeThreshold=1000000",
)
"""Most of a small night is spent compiling code that runs for a second: the costly compiler waits for what stays hot."""
SHORT = ("-XX:TieredStopAtLevel=1",)
SHORT_OPTIONS = {"spark.sql.adaptive.enabled": "false", "spark.sql.shuffle.partitions": "1"}
SHORT_ROWS = 1_000_000
"""Below so many nothing stays hot long enough for the costly compiler, and one partition is enough."""
TINY_OPTIONS = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
TINY_ROWS = 50_000
"""Below so many not even the code that Spark writes for each query is worth compiling."""


def session(settings: Settings, rows: int = SHORT_ROWS) -> SparkSession:
    """The running session, or a new one: UTC, microsecond timestamps, loopback, no web UI.

    Args:
        rows: About how many will be read: with few, it starts fast rather than runs fast. What is computed is the same.
    """
    from pyspark.sql import SparkSession

    logging.getLogger("py4j").setLevel(logging.ERROR)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_CONF_DIR", str(NO_FOLDER))
    spark = settings.spark
    options = {
        "spark.driver.memory": spark.driver_memory,
        "spark.driver.extraJavaOptions": " ".join(_jvm_options(rows)),
        "spark.sql.shuffle.partitions": str(spark.shuffle_partitions),
        "spark.sql.session.timeZone": "UTC",
        # Else a folder appears wherever the process was started.
        "spark.sql.warehouse.dir": (settings.path(settings.warehouse.path).parent / "spark").as_uri(),
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.parquet.compression.codec": "zstd",
        "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.adaptive.coalescePartitions.enabled": "true",
        "spark.sql.legacy.parquet.nanosAsLong": "true",
        "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        **(SHORT_OPTIONS if rows < SHORT_ROWS else {}),
        **(TINY_OPTIONS if rows < TINY_ROWS else {}),
        **spark.options,
    }
    builder = SparkSession.builder.master(spark.master).appName("handpick")
    for key, value in options.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()


def _jvm_options(rows: int) -> tuple[str, ...]:
    archive = (f"-XX:SharedArchiveFile={ARCHIVE}", "-Xlog:disable") if ARCHIVE.is_file() else ()
    return (*JVM_OPTIONS, *(SHORT if rows < SHORT_ROWS else LONG), *archive)

"""The Spark session that transforms and the row filter share within a process."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from handpick.config import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

JVM_OPTIONS = (
    "-XX:+UseParallelGC",
    "-XX:Tier4InvocationThreshold=60000",
    "-XX:Tier4MinInvocationThreshold=30000",
    "-XX:Tier4CompileThreshold=150000",
    "-XX:Tier4BackEdgeThreshold=1000000",
)
"""Most of a small night is spent compiling code that runs for a second: the costly compiler waits for what stays hot."""


def session(settings: Settings) -> SparkSession:
    """The running session, or a new one: UTC, microsecond timestamps, loopback, no web UI."""
    from pyspark.sql import SparkSession

    logging.getLogger("py4j").setLevel(logging.ERROR)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_CONF_DIR", str(Path(__file__).parent / "spark_conf"))
    spark = settings.spark
    options = {
        "spark.driver.memory": spark.driver_memory,
        "spark.driver.extraJavaOptions": " ".join(JVM_OPTIONS),
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
        **spark.options,
    }
    builder = SparkSession.builder.master(spark.master).appName("handpick")
    for key, value in options.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()

"""Public interface of the transform stage: the names of its tables, and Spark access to the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handpick.night import Night
from handpick.stages.transform import CLEAN_TABLES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from handpick.stages.transform.spark_tables import SparkTables

__all__ = ["CLEAN_TABLES", "open_tables"]


def open_tables(night: Night, spark: SparkSession) -> SparkTables:
    """Return Spark access to the lake as of one night."""
    # Imported here: stages that only need the names of the tables do not wait for PySpark.
    from handpick.stages.transform.spark_tables import SparkTables

    return SparkTables(spark, night.lake, night.logical_date, night.settings.transform.rows_per_file)

"""Keys that are not new: repeated within the night, or landed on an earlier one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handpick.contracts import ORIGIN, Column, Contract
from handpick.contracts.rules import CHANGED, KNOWN, REPEATED, valid_value
from handpick.night import Night

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def repeats(
    spark: SparkSession, night: Night, contract: Contract, raw: DataFrame, critical: str
) -> DataFrame | None:
    """The rows whose key is not new, by origin, with the reason in `_repeat`; None if every key is new.

    Only key columns are shuffled to find the few suspects; whole rows are compared for those alone. Of rows that
    share a key the first by file and line that breaks no rule of its own is kept, unless an earlier night has the key.

    Args:
        spark: The session.
        night: Tonight.
        contract: The source's contract.
        raw: The landed rows.
        critical: SQL that is true for a row that breaks a rule of its own, and so takes no part.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    names = [f"_key_{number}" for number in range(len(contract.key))]
    keys = [
        F.expr(valid_value(contract.column(name))).alias(as_)
        for name, as_ in zip(contract.key, names, strict=True)
    ]
    tonight = raw.select(*keys)
    twice = tonight.groupBy(*names).count().where("count > 1").select(*names)
    earlier = _earlier(spark, night, contract, names)
    suspects = (
        twice if earlier is None else twice.union(earlier.join(tonight, names).select(*names)).distinct()
    )
    suspects = suspects.dropna().localCheckpoint()
    if suspects.isEmpty():
        return None
    content = F.xxhash64(*[F.expr(valid_value(column)) for column in _compared(contract)])
    rows = raw.where(f"not {critical}").select(*keys, content.alias("_content"), *ORIGIN)
    rows = rows.join(F.broadcast(suspects), names)
    same_key = Window.partitionBy(*names).orderBy(*ORIGIN)
    rows = rows.withColumn("_number", F.row_number().over(same_key))
    rows = rows.withColumn("_first", F.first("_content").over(same_key))
    differs, follows = F.col("_content") != F.col("_first"), F.col("_number") > 1
    reason = F.when(follows & differs, CHANGED).when(follows, REPEATED)
    if earlier is not None:
        rows = rows.join(
            earlier.withColumnRenamed("_content", "_earlier").dropDuplicates(names), names, "left"
        )
        reason = (
            F.when(F.col("_earlier") != F.col("_content"), CHANGED)
            .when(F.col("_earlier").isNotNull(), KNOWN)
            .otherwise(reason)
        )
    return rows.select(*ORIGIN, reason.alias("_repeat")).where("_repeat is not null").localCheckpoint()


def _earlier(spark: SparkSession, night: Night, contract: Contract, names: list[str]) -> DataFrame | None:
    """Keys of a log's last nights with a hash of each row's content, or None where any key is new."""
    from pyspark.sql import functions as F

    table = f"valid/{contract.source}"
    days = [day for day in night.lake.dates(table) if day < night.logical_date]
    nights = night.settings.validation.duplicate_nights
    days = days[-nights:] if nights else []
    if not contract.is_log or not days:
        return None
    rows = spark.read.parquet(*[str(night.lake.partition(table, day)) for day in days])
    keys = [F.col(name).alias(as_) for name, as_ in zip(contract.key, names, strict=True)]
    content = F.xxhash64(*[F.col(column.name) for column in _compared(contract)])
    return rows.select(*keys, content.alias("_content"))


def _compared(contract: Contract) -> list[Column]:
    """Columns that tell two contents apart: those that validation never empties."""
    return [column for column in contract.columns if column.severity == "critical"]

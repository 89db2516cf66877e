"""The row filter on Spark: flags every rule that a row breaks, then writes valid and quarantined rows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.dataset as ds

from handpick.contracts import Contract
from handpick.contracts.rules import Rule, parsed, rules_of
from handpick.ledger import Flow
from handpick.night import Night

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ORIGIN = ("_source_file", "_source_line")
REPEATED, CHANGED, KNOWN = (
    "repeated in this night",
    "same key, different content",
    "landed on an earlier night",
)


def validate_source(spark: SparkSession, night: Night, contract: Contract) -> Flow:
    """Write `valid/<source>` and `quarantine/<source>` for the night; returns the ledger line."""
    from pyspark import StorageLevel

    flagged = flag(spark, night, contract).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        _write(night, f"valid/{contract.source}", typed(flagged, contract), contract)
        _write(night, f"quarantine/{contract.source}", quarantined(flagged, contract), contract)
        counted = flagged.groupBy("_first_rule").count().collect()
    finally:
        flagged.unpersist()
    counts = {row["_first_rule"]: row["count"] for row in counted}
    valid = counts.pop(None, 0)
    return Flow(contract.source, valid + sum(counts.values()), valid, counts)


def flag(spark: SparkSession, night: Night, contract: Contract) -> DataFrame:
    """The raw rows with `_rules` (every rule broken, in order) and `_first_rule` (null for a good row)."""
    from pyspark.sql import functions as F

    raw = _read(spark, night.lake.partition(f"raw/{contract.source}", night.logical_date))
    rules = rules_of(contract, night.as_of)
    rows = raw.withColumn("_broken", _reasons(rules))
    rows = _flag_repeats(rows, contract)
    rows = _flag_known(spark, night, rows, contract)
    rows = _flag_strangers(spark, night, rows, contract)
    rows = rows.withColumn(
        "_rules", F.expr("array_compact(concat(_broken, array(_repeat, _known), _strangers))")
    )
    return rows.withColumn("_first_rule", F.expr("try_element_at(_rules, 1)"))


def typed(flagged: DataFrame, contract: Contract) -> DataFrame:
    """The good rows in the contract's types."""
    casts = [f"{parsed(column)} as `{column.name}`" for column in contract.columns]
    return flagged.where("_first_rule is null").selectExpr(*casts, *ORIGIN)


def quarantined(flagged: DataFrame, contract: Contract) -> DataFrame:
    """The bad rows whole, with every rule that they break and the contract's version."""
    kept = [*contract.names, "_extra", "_raw", *ORIGIN, "_rules"]
    return flagged.where("_first_rule is not null").selectExpr(
        *[f"`{name}`" for name in kept], f"'{contract.version}' as contract_version"
    )


def _reasons(rules: list[Rule]):  # type: ignore[no-untyped-def]
    from pyspark.sql import functions as F

    conditions = [f"case when {rule.broken} then '{rule.reason}' end" for rule in rules]
    return F.expr(f"array_compact(array({', '.join(conditions)}))")


def _flag_repeats(rows: DataFrame, contract: Contract) -> DataFrame:
    """Of readable rows that share a key, the first by file and line is kept; others are marked."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    keys = [F.trim(F.col(name)) for name in contract.key]
    content = F.xxhash64(*[F.col(name) for name in contract.names])
    same_key = Window.partitionBy("_is_clean", *keys).orderBy(*ORIGIN)
    rows = rows.withColumn("_is_clean", F.size("_broken") == 0)
    rows = rows.withColumn("_number", F.row_number().over(same_key))
    rows = rows.withColumn("_first_content", F.first(content).over(same_key))
    repeat = F.when(
        F.col("_is_clean") & (F.col("_number") > 1),
        F.when(F.col("_first_content") == content, F.lit(REPEATED)).otherwise(F.lit(CHANGED)),
    )
    return rows.withColumn("_repeat", repeat).drop("_number", "_first_content", "_is_clean")


def _flag_known(spark: SparkSession, night: Night, rows: DataFrame, contract: Contract) -> DataFrame:
    """Log rows whose key was landed on one of the last nights are marked."""
    from pyspark.sql import functions as F

    table = f"valid/{contract.source}"
    days = [day for day in night.lake.dates(table) if day < night.logical_date]
    days = (
        days[-night.settings.validate_.duplicate_nights :]
        if night.settings.validate_.duplicate_nights
        else []
    )
    if not contract.is_log or not days:
        return rows.withColumn("_known", F.lit(None).cast("string"))
    (key,) = contract.key
    seen = _read(spark, *[night.lake.partition(table, day) for day in days])
    seen = seen.select(F.col(key).alias("_seen")).distinct()
    joined = rows.join(seen, F.trim(F.col(key)) == F.col("_seen"), "left")
    return joined.withColumn("_known", F.when(F.col("_seen").isNotNull(), F.lit(KNOWN))).drop("_seen")


def _flag_strangers(spark: SparkSession, night: Night, rows: DataFrame, contract: Contract) -> DataFrame:
    """Rows that point at keys nobody has ever brought are marked, a reason per reference."""
    from pyspark.sql import functions as F

    marks = []
    for reference in contract.references:
        table = f"valid/{reference.source}"
        folders = [night.lake.partition(table, day) for day in night.lake.dates(table, night.logical_date)]
        mark = f"_stranger_{reference.column}"
        known = _read(spark, *folders).select(F.col(reference.key).alias(mark)).distinct()
        rows = rows.join(F.broadcast(known), F.trim(F.col(reference.column)) == F.col(mark), "left")
        there = F.col(reference.column).isNotNull()
        marks.append(
            F.when(F.col(mark).isNull() & there, F.lit(f"{reference.column} unknown in {reference.source}"))
        )
    strangers = F.array_compact(F.array(*marks)) if marks else F.expr("cast(array() as array<string>)")
    return rows.withColumn("_strangers", strangers).drop(
        *[f"_stranger_{r.column}" for r in contract.references]
    )


def _read(spark: SparkSession, *folders: Path) -> DataFrame:
    return spark.read.parquet(*[str(folder) for folder in folders])


def _write(night: Night, table: str, rows: DataFrame, contract: Contract) -> None:
    """Write a partition in a fixed order and under fixed file names, so that equal rows are equal bytes."""
    with night.lake.writing(table, night.logical_date) as folder:
        staged = folder / ".spark"
        rows.sort(*ORIGIN).coalesce(1).write.parquet(str(staged))
        for number, file in enumerate(sorted(staged.glob("part-*.parquet"))):
            file.replace(folder / f"part-{number:05d}.parquet")
        for file in staged.iterdir():
            file.unlink()
        staged.rmdir()
        if not ds.dataset(folder, format="parquet").files:
            raise RuntimeError(f"Spark wrote no file for {table} of {contract.source}")

"""The row filter on Spark: valid rows in the contract's types in one pass, and the others whole with what they break."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from handpick.contracts import ORIGIN, Contract
from handpick.contracts.rules import Rule, quote, rules_of, stranger_reason, valid_value
from handpick.lake import write_parquet
from handpick.ledger import Flow
from handpick.media import media_columns, without_unusable
from handpick.night import Night
from handpick.validate.keys import repeats

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SORTED_ROWS = 1_000_000
"""Up to this many valid rows are kept in one file sorted by origin; more stay in Spark's files, in the order read."""

ENTRY = "struct<rule: string, column: string, value: string>"
"""One broken rule with the value that broke it, in Spark SQL."""


@dataclass(frozen=True)
class Verdict:
    """What became of a source's rows tonight.

    Args:
        flow: The ledger line; a row counts under the first rule that it breaks.
        emptied: Values that were emptied while their row went on, by reason.
    """

    flow: Flow
    emptied: dict[str, int]


def validate_source(spark: SparkSession, night: Night, contract: Contract) -> Verdict:
    """Write `valid/<source>` and `quarantine/<source>` for the night."""
    from pyspark.sql import functions as F

    table = f"raw/{contract.source}"
    landed = night.lake.partition(table, night.logical_date)
    rows_in = ds.dataset(landed, format="parquet").count_rows()
    days = [day for day in night.lake.dates(f"valid/{contract.source}") if day < night.logical_date]
    rules = rules_of(contract, night.as_of, is_first_night=not days)
    rows = _marked(spark, night, contract, spark.read.parquet(str(landed)), rules)
    is_bad = F.expr(_any_of([rule.broken for rule in rules if rule.severity == "critical"]))
    is_bad = is_bad | F.coalesce(F.expr("_repeat is not null or size(_strangers) > 0"), F.lit(False))
    emptied = _write_valid(night, contract, rows.where(~is_bad), rules)
    rows_out = night.lake.read(f"valid/{contract.source}", night.logical_date, [ORIGIN[1]]).num_rows
    dropped = (
        _write_quarantine(night, contract, rows.where(is_bad), rules)
        if rows_out < rows_in
        else _write_no_quarantine(night, contract)
    )
    return Verdict(Flow(contract.source, rows_in, rows_out, dropped), emptied)


def _marked(
    spark: SparkSession, night: Night, contract: Contract, raw: DataFrame, rules: list[Rule]
) -> DataFrame:
    """The raw rows with `_repeat` (why its key is not new, or null) and `_strangers` (references that are unknown)."""
    from pyspark.sql import functions as F

    critical = _any_of([rule.broken for rule in rules if rule.severity == "critical"])
    repeated = repeats(spark, night, contract, raw, critical)
    if repeated is None:
        rows = raw.withColumn("_repeat", F.lit(None).cast("string"))
    else:
        rows = raw.join(F.broadcast(repeated), list(ORIGIN), "left")
    marks = []
    for reference in contract.references:
        table = f"valid/{reference.source}"
        folders = [night.lake.partition(table, day) for day in night.lake.dates(table, night.logical_date)]
        known_as = f"_known_{reference.column}"
        known = spark.read.parquet(*[str(folder) for folder in folders])
        known = known.select(F.col(reference.key).alias(known_as)).distinct()
        rows = rows.join(F.broadcast(known), F.trim(F.col(reference.column)) == F.col(known_as), "left")
        is_stranger = f"`{known_as}` is null and trim(`{reference.column}`) <> ''"
        reason = stranger_reason(reference.column, reference.source)
        marks.append(f"case when {is_stranger} then {_entry(reason, reference.column)} end")
    found = f"array_compact(array({', '.join(marks)}))" if marks else f"cast(array() as array<{ENTRY}>)"
    return rows.withColumn("_strangers", F.expr(found))


def _write_valid(night: Night, contract: Contract, good: DataFrame, rules: list[Rule]) -> dict[str, int]:
    """Write the good rows in the contract's types; returns the values that were emptied, by reason."""
    from pyspark.sql import Observation
    from pyspark.sql import functions as F

    softer = [rule for rule in rules if rule.severity == "warning"]
    counts = [
        F.coalesce(F.sum(F.expr(f"int({_any_of([rule.broken])})")), F.lit(0)).alias(str(number))
        for number, rule in enumerate(softer)
    ]
    observation = Observation()
    observed = good.observe(observation, *counts) if counts else good
    values = [f"{valid_value(column)} as `{column.name}`" for column in contract.columns]
    with night.lake.writing(f"valid/{contract.source}", night.logical_date) as folder:
        files = _spark_files(observed.selectExpr(*values, *[f"`{name}`" for name in ORIGIN]), folder)
        seen = observation.get if counts else {}
        emptied = {softer[int(number)].reason: count for number, count in seen.items() if count}
        landed = ds.dataset(files, format="parquet", schema=contract.arrow_schema())
        if landed.count_rows() <= SORTED_ROWS or media_columns(contract):
            rows, lost = without_unusable(night, contract, _sorted(landed.to_table()))
            write_parquet(rows, folder / "part-00000.parquet")
            emptied |= lost
        else:
            for number, file in enumerate(files):
                Path(file).replace(folder / f"part-{number:05d}.parquet")
        _remove(folder / ".spark")
    return dict(sorted(emptied.items()))


def _write_quarantine(night: Night, contract: Contract, bad: DataFrame, rules: list[Rule]) -> dict[str, int]:
    """Write the bad rows whole, with every rule that they break; returns their number by the first one."""
    checks = [
        f"case when {_any_of([rule.broken])} then {_entry(rule.reason, rule.column)} end"
        for rule in rules
        if rule.severity == "critical"
    ]
    repeat = f"case when _repeat is not null then {_entry(None, contract.key[0])} end"
    found = f"array_compact(concat(array({', '.join([*checks, repeat])}), _strangers))"
    kept = [f"`{field.name}`" for field in contract.raw_schema()]
    rows = bad.withColumn("_found", _expr(found)).selectExpr(
        *kept,
        "transform(_found, x -> x.rule) as _rules",
        "to_json(_found) as _values",
        f"{quote(contract.version)} as contract_version",
    )
    with night.lake.writing(f"quarantine/{contract.source}", night.logical_date) as folder:
        files = _spark_files(rows, folder)
        table = _sorted(ds.dataset(files, format="parquet", schema=contract.quarantine_schema()).to_table())
        write_parquet(table, folder / "part-00000.parquet")
        _remove(folder / ".spark")
    first = pc.list_element(table.column("_rules"), 0)
    return {entry["values"]: entry["counts"] for entry in pc.value_counts(first).to_pylist()}


def _write_no_quarantine(night: Night, contract: Contract) -> dict[str, int]:
    night.lake.write(
        f"quarantine/{contract.source}", night.logical_date, contract.quarantine_schema().empty_table()
    )
    return {}


def _any_of(conditions: list[str]) -> str:
    """SQL: true where any condition is true; unknown counts as false."""
    return "coalesce(" + " or ".join(f"({condition})" for condition in conditions) + ", false)"


def _entry(reason: str | None, column: str | None) -> str:
    """SQL: one broken rule with its column and value; no reason stands for the one in `_repeat`."""
    rule = "`_repeat`" if reason is None else quote(reason)
    value = f"`{column}`" if column else "cast(null as string)"
    name = quote(column) if column else "cast(null as string)"
    return f"named_struct('rule', {rule}, 'column', {name}, 'value', {value})"


def _expr(sql: str):  # type: ignore[no-untyped-def]
    from pyspark.sql import functions as F

    return F.expr(sql)


def _spark_files(rows: DataFrame, folder: Path) -> list[str]:
    """Let Spark write the rows below a folder; returns its files in the order of the rows."""
    staged = folder / ".spark"
    rows.write.parquet(str(staged))
    return [str(file) for file in sorted(staged.glob("part-*.parquet"))]


def _sorted(rows: pa.Table) -> pa.Table:
    return rows.sort_by([(name, "ascending") for name in ORIGIN])


def _remove(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()

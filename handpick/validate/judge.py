"""The row filter on Spark: one pass over the landed rows gives each its typed values and the rules that it breaks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from handpick.contracts import ORIGIN, Contract
from handpick.contracts.rules import Rule, valid_value
from handpick.land import MANIFEST

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BROKEN, KEY = "_broken", "_key"
"""A row's broken rules, a bit each, the first rule the lowest; and a 64-bit hash of its key."""

BATCH_ROWS = 1_000_000
"""Landing files are taken together up to this many rows, which bounds the memory of everything after the pass."""


@dataclass(frozen=True)
class Judged:
    """The rows of one source after the pass.

    Args:
        landed: Folder of the raw rows, one file for each landing file.
        files: What Spark wrote: the contract's columns, the origin, `_key` and `_broken`.
        schema: Of these files.
        batches: Landing files by name, with the raw file of each, in groups of about `BATCH_ROWS` rows.
    """

    landed: Path
    files: list[str]
    schema: pa.Schema
    batches: list[dict[str, Path]]

    def read(self, columns: Sequence[str] = ()) -> Iterator[pa.Table]:
        """The batches one after the other, each sorted by origin; all columns if none are named."""
        rows = ds.dataset(self.files, format="parquet", schema=self.schema)
        wanted = list(dict.fromkeys([*(columns or self.schema.names), *ORIGIN]))
        for batch in self.batches:
            mine = ds.field(ORIGIN[0]).isin(list(batch)) if len(self.batches) > 1 else None
            yield rows.to_table(wanted, filter=mine).sort_by([(name, "ascending") for name in ORIGIN])


def judge(spark: SparkSession, contract: Contract, landed: Path, rules: list[Rule], staged: Path) -> Judged:
    """Judge every landed row by its own rules; nothing is shuffled, and nothing but the typed rows is written.

    Args:
        spark: The session.
        contract: The source's contract.
        landed: Folder of the raw rows.
        rules: At most 63.
        staged: Folder for the judged rows; must not exist.
    """
    values = [f"{valid_value(column)} as `{column.name}`" for column in contract.columns]
    key = ", ".join(valid_value(contract.column(name)) for name in contract.key)
    broken = " | ".join(f"if({rule.broken}, {1 << place}L, 0L)" for place, rule in enumerate(rules))
    rows = spark.read.parquet(str(landed)).selectExpr(
        *values, *[f"`{name}`" for name in ORIGIN], f"xxhash64({key}) as {KEY}", f"{broken} as {BROKEN}"
    )
    rows.write.parquet(str(staged))
    schema = contract.arrow_schema().append(pa.field(KEY, pa.int64())).append(pa.field(BROKEN, pa.int64()))
    files = [str(file) for file in sorted(staged.glob("part-*.parquet"))]
    return Judged(landed, files, schema, _batches(landed))


def _batches(landed: Path) -> list[dict[str, Path]]:
    names = [entry["name"] for entry in json.loads((landed / MANIFEST).read_text())["files"]]
    parts = {name: landed / f"part-{number:05d}.parquet" for number, name in enumerate(names)}
    batches: list[dict[str, Path]] = []
    room = 0
    for name in sorted(parts):
        rows = pq.read_metadata(parts[name]).num_rows
        if rows > room or not batches:
            batches.append({})
            room = BATCH_ROWS
        batches[-1][name] = parts[name]
        room -= rows
    return batches

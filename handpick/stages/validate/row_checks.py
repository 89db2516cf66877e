"""The row filter on Spark: one pass over the raw rows casts their values and evaluates the rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from handpick.contracts import ORIGIN, Contract
from handpick.contracts.rules import Rule, build_shared_columns, build_valid_value
from handpick.stages.land.public import read_manifest_files

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

RULE_BITS_COLUMN, KEY_HASH_COLUMN = "_broken", "_key"
"""Columns with the broken rules of a row, one bit each from the lowest, and with a 64-bit hash of its key."""

BATCH_ROWS = 1_000_000
"""Rows of a batch of landing files; bounds the memory of all steps after the Spark pass."""

PARALLEL_BATCHES = 2
"""Batches processed at a time, so that no core idles while the last task of a batch ends."""

SPLIT_BYTES, MAX_SPLITS = 8 * 2**20, 1024
"""Size of the splits of raw files in bytes, and the highest number of splits that become a task each."""

RowOrder = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CheckedBatch:
    """Some landing files and their rows after the Spark pass.

    Args:
        landed: Path of the raw Parquet file of each landing file, by the landing file's name.
        files: Files that Spark wrote: the contract's columns, the origin, `_key` and `_broken`.
        order: `(rows,)` permutation that sorts the rows by landing file and line; None where they are sorted.
    """

    landed: dict[str, Path]
    files: list[str]
    order: RowOrder | None


@dataclass(frozen=True)
class CheckedRows:
    """The rows of one source after the Spark pass.

    Args:
        batches: Batches of about `BATCH_ROWS` rows each.
        schema: Schema of the files of all batches.
    """

    batches: list[CheckedBatch]
    schema: pa.Schema

    def read(self, columns: Sequence[str] = ()) -> Iterator[pa.Table]:
        """Yield the rows of each batch, sorted by origin; all columns if none are named."""
        for number in range(len(self.batches)):
            yield self.read_batch(number, columns)

    def read_batch(self, number: int, columns: Sequence[str] = ()) -> pa.Table:
        """Return the rows of one batch, sorted by origin; all columns if none are named."""
        batch, selected = self.batches[number], list(dict.fromkeys(columns)) or None
        table = ds.dataset(batch.files, format="parquet", schema=self.schema).to_table(selected)
        return table if batch.order is None else table.take(batch.order)


def check_rows(
    spark: SparkSession, contract: Contract, landed: Path, rules: list[Rule], staged: Path
) -> CheckedRows:
    """Evaluate the row rules on every raw row, without a shuffle, and write the typed rows.

    Args:
        spark: The Spark session.
        contract: The contract of the source.
        landed: Partition of the raw rows.
        rules: At most 63 rules, as their bits share one int64.
        staged: Folder for the typed rows; must not exist.

    Returns:
        The typed rows with their broken rules.
    """
    values = [f"{build_valid_value(column)} as `{column.name}`" for column in contract.columns]
    # The hash of the typed key: ids that differ only in white space around them are one key.
    key = ", ".join(build_valid_value(contract.column(name)) for name in contract.key)
    broken = " | ".join(f"if({rule.violation}, {1 << place}L, 0L)" for place, rule in enumerate(rules))
    origin = [f"`{name}`" for name in ORIGIN]
    selected = [*values, *origin, f"xxhash64({key}) as {KEY_HASH_COLUMN}", f"{broken} as {RULE_BITS_COLUMN}"]
    texts, typed = build_shared_columns(contract)

    def check_batch(number: int, files: dict[str, Path]) -> CheckedBatch:
        folder = staged / f"{number:05d}"
        rows = _open_unpacked_session(spark, files).read.parquet(*map(str, files.values()))
        typed_rows = rows.selectExpr("*", *texts).selectExpr("*", *typed)
        # Read back at once and then deleted: compression would only cost time.
        typed_rows.selectExpr(*selected).write.parquet(str(folder), compression="none")
        return _order_rows(files, folder)

    with ThreadPoolExecutor(PARALLEL_BATCHES) as pool:
        batches = list(pool.map(check_batch, count(), _group_files(landed)))
    schema = (
        contract.arrow_schema()
        .append(pa.field(KEY_HASH_COLUMN, pa.int64()))
        .append(pa.field(RULE_BITS_COLUMN, pa.int64()))
    )
    return CheckedRows(batches, schema)


def _open_unpacked_session(spark: SparkSession, files: dict[str, Path]) -> SparkSession:
    """Return a session whose tasks read one split of one file each, so that rows keep their order.

    Spark packs several splits into a task by size; it does not where opening a file costs as much as a task
    may hold. With too many splits the given session is returned, and the rows are sorted afterwards.
    """
    splits = len(files) + sum(file.stat().st_size for file in files.values()) // SPLIT_BYTES
    if splits > MAX_SPLITS:
        return spark
    # A session of its own, as other threads use the given one with its own settings.
    unpacked = spark.newSession()
    for name in ("spark.sql.files.maxPartitionBytes", "spark.sql.files.openCostInBytes"):
        unpacked.conf.set(name, str(SPLIT_BYTES))
    return unpacked


def _order_rows(landed: dict[str, Path], folder: Path) -> CheckedBatch:
    """Return a batch: files in the order of their first rows, and a permutation if rows are unsorted."""
    rank = {name: place for place, name in enumerate(sorted(landed))}
    found = []
    for file in sorted(folder.glob("part-*.parquet")):
        origin = pq.read_table(file, columns=list(ORIGIN), read_dictionary=[ORIGIN[0]])
        if origin.num_rows:
            found.append((_rank_rows(origin, rank), str(file)))
    found.sort(key=lambda one: int(one[0][0]))
    positions = np.concatenate([one for one, _ in found]) if found else np.zeros(0, np.int64)
    # Without the sort by origin, which of two rows with one key comes first would depend on the timing of
    # tasks.
    is_sorted = bool((np.diff(positions) >= 0).all())
    return CheckedBatch(
        landed, [file for _, file in found], None if is_sorted else np.argsort(positions, kind="stable")
    )


def _rank_rows(origin: pa.Table, rank: dict[str, int]) -> RowOrder:
    """Return `(rows,)` int64 positions: the file's rank in the upper bits, the line in the lower 40."""
    names = origin.column(ORIGIN[0]).combine_chunks()
    ranks = np.array([rank[name] for name in names.dictionary.to_pylist()], np.int64)
    return (ranks[names.indices.to_numpy()] << 40) | origin.column(ORIGIN[1]).to_numpy()


def _group_files(landed: Path) -> list[dict[str, Path]]:
    """Group the raw files of a partition into batches by rows, in the order of the landing files' names."""
    names = [entry["name"] for entry in read_manifest_files(landed)]
    parts = {name: landed / f"part-{number:05d}.parquet" for number, name in enumerate(names)}
    batches: list[dict[str, Path]] = []
    rows_left = 0
    for name in sorted(parts):
        rows = pq.read_metadata(parts[name]).num_rows
        if rows > rows_left or not batches:
            batches.append({})
            rows_left = BATCH_ROWS
        batches[-1][name] = parts[name]
        rows_left -= rows
    return batches

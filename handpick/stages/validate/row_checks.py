"""The row filter: one pass of the engine over the raw rows casts their values and evaluates the rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import reduce
from itertools import count
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from handpick.contracts import ORIGIN, Contract
from handpick.contracts.rules import Rule, build_shared_columns, build_valid_value
from handpick.runtime.dataframes import Engine, F
from handpick.stages.land.public import read_manifest_files

RULE_BITS_COLUMN, KEY_HASH_COLUMN = "_broken", "_key"
"""Columns with the broken rules of a row, one bit each from the lowest, and with a 64-bit hash of its key."""

BATCH_ROWS = 1_000_000
"""Rows of a batch of landing files; bounds the memory of all steps after the engine's pass."""

PARALLEL_BATCHES = 2
"""Batches processed at a time, so that no core idles while the last task of a batch ends."""

RowOrder = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CheckedBatch:
    """Some landing files and their rows after the engine's pass.

    Args:
        landed: Path of the raw Parquet file of each landing file, by the landing file's name.
        files: Files that the engine wrote: the contract's columns, the origin, `_key` and `_broken`.
        order: `(rows,)` permutation that sorts the rows by landing file and line; None where they are sorted.
    """

    landed: dict[str, Path]
    files: list[str]
    order: RowOrder | None


@dataclass(frozen=True)
class CheckedRows:
    """The rows of one source after the engine's pass.

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
    engine: Engine, contract: Contract, landed: Path, rules: list[Rule], staged: Path
) -> CheckedRows:
    """Evaluate the row rules on every raw row, without a shuffle, and write the typed rows.

    Args:
        engine: The engine.
        contract: The contract of the source.
        landed: Partition of the raw rows.
        rules: At most 63 rules, as their bits share one int64.
        staged: Folder for the typed rows; must not exist.

    Returns:
        The typed rows with their broken rules.
    """
    values = [build_valid_value(column, rules).alias(column.name) for column in contract.columns]
    # The hash of the typed key: ids that differ only in white space around them are one key.
    key = F.xxhash64(*(build_valid_value(contract.column(name), rules) for name in contract.key))
    zero = F.lit(0).cast("long")
    bits = [F.when(rule.violation, F.lit(1 << place).cast("long")) for place, rule in enumerate(rules)]
    broken = reduce(add, (F.coalesce(bit, zero) for bit in bits), zero)
    selected: list[Any] = [*values, *ORIGIN, key.alias(KEY_HASH_COLUMN), broken.alias(RULE_BITS_COLUMN)]
    texts, typed = build_shared_columns(contract)

    def check_batch(number: int, files: dict[str, Path]) -> CheckedBatch:
        rows = engine.read_in_order(list(files.values()), contract.raw_schema())
        checked = rows.withColumns(texts).withColumns(typed).select(*selected)
        return _order_rows(files, engine.store(checked, staged / f"{number:05d}"))

    with ThreadPoolExecutor(PARALLEL_BATCHES) as pool:
        batches = list(pool.map(check_batch, count(), _group_files(landed)))
    schema = (
        contract.arrow_schema()
        .append(pa.field(KEY_HASH_COLUMN, pa.int64()))
        .append(pa.field(RULE_BITS_COLUMN, pa.int64()))
    )
    return CheckedRows(batches, schema)


def _order_rows(landed: dict[str, Path], files: list[Path]) -> CheckedBatch:
    """Return a batch: files in the order of their first rows, and a permutation if rows are unsorted."""
    rank = {name: place for place, name in enumerate(sorted(landed))}
    found = []
    for file in files:
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

"""The row filter on Spark: one pass over the landed rows gives each its typed values and the rules that it breaks."""

from __future__ import annotations

import json
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
from handpick.contracts.rules import Rule, shared, valid_value
from handpick.stages.land import MANIFEST

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BROKEN, KEY = "_broken", "_key"
"""A row's broken rules, a bit each, the first rule the lowest; and a 64-bit hash of its key."""

BATCH_ROWS = 1_000_000
"""Landing files are taken together up to this many rows, which bounds the memory of everything after the pass."""

TOGETHER = 2
"""So many batches at a time, so that cores are not idle while the last task of one ends."""

SPLIT_BYTES, MOST_SPLITS = 8 * 2**20, 1024
"""Spark takes pieces of landing files of this size, each as a task of its own while they are not too many."""

Order = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Some landing files and their rows after the pass.

    Args:
        landed: The raw file of each landing file, by its name.
        files: What Spark wrote: the contract's columns, the origin, `_key` and `_broken`.
        order: The places of the rows by landing file and line; None where they lie so.
    """

    landed: dict[str, Path]
    files: list[str]
    order: Order | None


@dataclass(frozen=True)
class Judged:
    """The rows of one source after the pass.

    Args:
        batches: Of about `BATCH_ROWS` rows each.
        schema: Of their files.
    """

    batches: list[Batch]
    schema: pa.Schema

    def read(self, columns: Sequence[str] = ()) -> Iterator[pa.Table]:
        """The batches one after the other, each sorted by origin; all columns if none are named."""
        for number in range(len(self.batches)):
            yield self.batch(number, columns)

    def batch(self, number: int, columns: Sequence[str] = ()) -> pa.Table:
        """The rows of one batch, sorted by origin; all columns if none are named."""
        batch, wanted = self.batches[number], list(dict.fromkeys(columns)) or None
        table = ds.dataset(batch.files, format="parquet", schema=self.schema).to_table(wanted)
        return table if batch.order is None else table.take(batch.order)


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
    origin = [f"`{name}`" for name in ORIGIN]
    wanted = [*values, *origin, f"xxhash64({key}) as {KEY}", f"{broken} as {BROKEN}"]
    texts, typed = shared(contract)

    def judged(number: int, files: dict[str, Path]) -> Batch:
        folder = staged / f"{number:05d}"
        rows = _one_piece_a_task(spark, files).read.parquet(*map(str, files.values()))
        typed_rows = rows.selectExpr("*", *texts).selectExpr("*", *typed)
        typed_rows.selectExpr(*wanted).write.parquet(str(folder), compression="none")
        return _ordered(files, folder)

    with ThreadPoolExecutor(TOGETHER) as pool:
        batches = list(pool.map(judged, count(), _batches(landed)))
    schema = contract.arrow_schema().append(pa.field(KEY, pa.int64())).append(pa.field(BROKEN, pa.int64()))
    return Judged(batches, schema)


def _one_piece_a_task(spark: SparkSession, files: dict[str, Path]) -> SparkSession:
    """A session beside the given one whose tasks take no pieces of several files, so that rows stay in their order.

    Spark packs pieces into tasks by size; where opening a file is said to cost as much as a task holds, it does not.
    """
    pieces = len(files) + sum(file.stat().st_size for file in files.values()) // SPLIT_BYTES
    if pieces > MOST_SPLITS:
        return spark
    beside = spark.newSession()
    for name in ("spark.sql.files.maxPartitionBytes", "spark.sql.files.openCostInBytes"):
        beside.conf.set(name, str(SPLIT_BYTES))
    return beside


def _ordered(landed: dict[str, Path], folder: Path) -> Batch:
    """The batch with its files in the order of their first rows, and the order of all rows if that is not enough."""
    rank = {name: place for place, name in enumerate(sorted(landed))}
    found = []
    for file in sorted(folder.glob("part-*.parquet")):
        origin = pq.read_table(file, columns=list(ORIGIN), read_dictionary=[ORIGIN[0]])
        if origin.num_rows:
            found.append((_places(origin, rank), str(file)))
    found.sort(key=lambda one: int(one[0][0]))
    places = np.concatenate([one for one, _ in found]) if found else np.zeros(0, np.int64)
    is_sorted = bool((np.diff(places) >= 0).all())
    return Batch(
        landed, [file for _, file in found], None if is_sorted else np.argsort(places, kind="stable")
    )


def _places(origin: pa.Table, rank: dict[str, int]) -> Order:
    """Each row's landing file and line as one number."""
    names = origin.column(ORIGIN[0]).combine_chunks()
    ranks = np.array([rank[name] for name in names.dictionary.to_pylist()], np.int64)
    return (ranks[names.indices.to_numpy()] << 40) | origin.column(ORIGIN[1]).to_numpy()


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

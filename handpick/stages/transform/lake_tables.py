"""Reads and writes the lake's tables with an engine; sorted, so that equal rows give equal bytes on each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq

from handpick.errors import MissingPartition
from handpick.lake.partitions import Lake, count_rows, write_parquet
from handpick.runtime.dataframes import DataFrame, Engine

WRITERS = 2
"""Files of a partition that are written at the same time, while the engine computes the next rows."""


@dataclass(frozen=True)
class LakeTables:
    """The engine's access to the lake as of one night: nothing dated after `logical_date` is read.

    Args:
        engine: The engine that reads and computes.
        lake: The lake.
        logical_date: Tonight.
        rows_per_file: Maximum number of rows of one file of a partition.
    """

    engine: Engine
    lake: Lake
    logical_date: date
    rows_per_file: int

    def read_tonight(self, table: str) -> DataFrame:
        """Read tonight's partition.

        Raises:
            MissingPartition: If the stage before has not written it.
        """
        if not self.lake.has(table, self.logical_date):
            raise MissingPartition(
                f"{table} has no partition for {self.logical_date}: looked in "
                f"{self.lake.partition(table, self.logical_date)}. Run `handpick validate --date "
                f"{self.logical_date}` first."
            )
        return self._read(table, [self.logical_date])

    def read_last(self, table: str) -> DataFrame | None:
        """Read the newest partition before tonight; None on a first night."""
        day = self.lake.latest_date_before(table, self.logical_date)
        return None if day is None else self._read(table, [day])

    def read_earlier(self, table: str, since: date | None = None) -> DataFrame | None:
        """Read all partitions before tonight, from `since` on if given; None if there are none."""
        days = [
            day
            for day in self.lake.list_dates(table)
            if day < self.logical_date and (since is None or day >= since)
        ]
        return self._read(table, days) if days else None

    @contextmanager
    def hold(self, name: str, rows: pa.Table) -> Iterator[DataFrame]:
        """Hand rows that Python computed to the engine, for as long as the context lasts.

        Args:
            name: A name for the temporary folder, which every machine of a cluster sees.
            rows: The rows.
        """
        folder = self.lake.root / ".cache" / f"{name}-{self.logical_date}-{os.getpid()}"
        folder.mkdir(parents=True, exist_ok=True)
        try:
            write_parquet(rows, folder / "part-00000.parquet")
            yield self.engine.read([folder / "part-00000.parquet"], rows.schema)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def count_tonight(self, table: str) -> int:
        """Count the rows of tonight's partition, from the files' footers."""
        return count_rows(self.lake.partition(table, self.logical_date))

    def count_last(self, table: str) -> int:
        """Count the rows of the newest partition before tonight; 0 on a first night."""
        day = self.lake.latest_date_before(table, self.logical_date)
        return 0 if day is None else count_rows(self.lake.partition(table, day))

    def write(self, table: str, rows: DataFrame, schema: pa.Schema, *key: str, expected_rows: int = 0) -> int:
        """Write tonight's partition, sorted by key, and return how many rows it has.

        The engine computes and sorts; the files are written here, so that they are the same bytes whatever
        the engine, its version and its number of threads or executors.

        Args:
            table: Name of the table.
            rows: The rows, with at least the columns of the schema.
            schema: Columns and types to write, in order.
            key: Columns to sort by; together they are unique.
            expected_rows: An upper estimate of the number of rows.
        """
        with (
            self.lake.replace_partition(table, self.logical_date) as folder,
            ThreadPoolExecutor(WRITERS) as pool,
        ):
            batches = self.engine.stream_sorted(rows, schema, key, folder / ".sorted", expected_rows)
            written: list[Future[None]] = []
            for number, part in enumerate(_cut(batches, schema, self.rows_per_file)):
                if number >= WRITERS:  # bounds the memory
                    written[number - WRITERS].result()
                written.append(pool.submit(write_parquet, part, folder / f"part-{number:05d}.parquet"))
            for file in written:
                file.result()
        return self.count_tonight(table)

    def _read(self, table: str, days: list[date]) -> DataFrame:
        """Read the files of some partitions, once they are seen to be what was written."""
        earlier = [day for day in days if day < self.logical_date]
        self.lake.check(table, earlier, with_bytes=True)  # engines need not look at the checksums of pages
        folders = [self.lake.partition(table, day) for day in days]
        files = [file for folder in folders for file in sorted(folder.glob("*.parquet"))]
        return self.engine.read(files, pq.read_schema(files[0]))


def _cut(batches: Iterator[pa.RecordBatch], schema: pa.Schema, rows: int) -> Iterator[pa.Table]:
    """Cut a stream into tables of so many rows, the last of fewer; one without rows if there are none."""
    waiting: list[pa.RecordBatch] = []
    count = number = 0
    for batch in batches:
        start = 0
        while start < batch.num_rows:
            part = batch.slice(start, rows - count)
            waiting.append(part)
            count, start = count + part.num_rows, start + part.num_rows
            if count == rows:
                yield _combine(waiting, schema)
                waiting, count, number = [], 0, number + 1
    if waiting or not number:
        yield _combine(waiting, schema)


def _combine(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    """Return batches as one table; in single chunks, as where chunks end shows in a file's pages."""
    parts = [pa.Table.from_batches([batch]).cast(schema) for batch in batches]
    return pa.concat_tables([schema.empty_table(), *parts]).combine_chunks()

"""The engine of clusters: a Spark session, with its files read back in the order of their rows."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

SPLIT_BYTES, MAX_SPLITS = 8 * 2**20, 1024
"""Size of the splits of files in bytes, and the highest number of splits that become a task each."""
ROWS_PER_PARTITION = 2_000_000
"""Rows of a partition that is sorted at once."""


class SparkEngine:
    """A Spark session that reads and writes the lake's files.

    Args:
        session: The session; it outlives the engine.
    """

    name = "spark"

    def __init__(self, session: SparkSession) -> None:
        from pyspark.sql import Window, functions

        self.session = session
        self.functions: Any = functions
        self.window = Window

    def __enter__(self) -> SparkEngine:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the session running, for stages of the same process."""

    def read(self, files: Sequence[Path], schema: pa.Schema) -> DataFrame:
        """Read Parquet files of one schema."""
        return _read(self.session, files, schema)

    def read_in_order(self, files: Sequence[Path], schema: pa.Schema) -> DataFrame:
        """Read Parquet files so that `store` keeps the order of their rows, unless they are very many.

        Spark packs several splits into a task by size; it does not where opening a file costs as much as a
        task may hold. With too many splits the rows have to be sorted afterwards.
        """
        splits = len(files) + sum(file.stat().st_size for file in files) // SPLIT_BYTES
        if splits > MAX_SPLITS:
            return self.read(files, schema)
        # A session of its own, as other threads use the given one with its own settings.
        unpacked = self.session.newSession()
        for name in ("spark.sql.files.maxPartitionBytes", "spark.sql.files.openCostInBytes"):
            unpacked.conf.set(name, str(SPLIT_BYTES))
        return _read(unpacked, files, schema)

    def store(self, rows: DataFrame, folder: Path) -> list[Path]:
        """Write rows to uncompressed Parquet files, for one read, and return these."""
        rows.write.parquet(str(folder), compression="none")
        return sorted(folder.glob("part-*.parquet"))

    def stream_sorted(
        self, rows: DataFrame, schema: pa.Schema, key: Sequence[str], folder: Path, expected_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """Yield rows in the types of a schema, sorted by a key, nulls first.

        The executors sort and write; this process reads their files one after the other.

        Args:
            rows: The rows, with at least the schema's columns.
            schema: Columns and types.
            key: Names of the columns to sort by.
            folder: A new folder for the executors' files, which every machine of the cluster sees.
            expected_rows: About how many rows there are, for the number of sorted parts.
        """
        from pyspark.sql.pandas.types import from_arrow_schema

        fields = from_arrow_schema(schema).fields
        typed = rows.select(
            *(self.functions.col(one.name).cast(one.dataType).alias(one.name) for one in fields)
        )
        parts = max(1, -(-expected_rows // ROWS_PER_PARTITION))
        ordered = (
            typed.coalesce(1).sortWithinPartitions(*key)
            if parts == 1
            else typed.repartitionByRange(parts, *key).sortWithinPartitions(*key)
        )
        for file in self.store(ordered, folder):
            for batch in pq.ParquetFile(file).iter_batches():
                yield pa.RecordBatch.from_arrays(
                    [column.cast(one.type) for column, one in zip(batch.columns, schema, strict=True)],
                    schema=schema,
                )
        shutil.rmtree(folder)


def _read(session: SparkSession, files: Sequence[Path], schema: pa.Schema) -> DataFrame:
    from pyspark.sql.pandas.types import from_arrow_schema

    # Given the schema, Spark need not start a job to look it up.
    return session.read.schema(from_arrow_schema(schema)).parquet(*map(str, files))

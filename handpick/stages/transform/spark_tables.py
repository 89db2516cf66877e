"""Reads and writes the lake's tables with Spark; written sorted, so that equal rows give equal bytes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from handpick.errors import MissingPartition
from handpick.lake.partitions import Lake, count_rows
from handpick.stages.transform.parquet_footer import sort_encodings


@dataclass(frozen=True)
class SparkTables:
    """Spark access to the lake as of one night: nothing dated after `logical_date` is read.

    Args:
        spark: The session that reads and writes.
        lake: The lake.
        logical_date: Tonight.
        rows_per_file: Maximum number of rows of one file of a partition.
    """

    spark: SparkSession
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
        return self._read([self.lake.partition(table, self.logical_date)])

    def read_last(self, table: str) -> DataFrame | None:
        """Read the newest partition before tonight; None on a first night."""
        day = self.lake.latest_date_before(table, self.logical_date)
        return None if day is None else self._read([self.lake.partition(table, day)])

    def read_earlier(self, table: str, since: date | None = None) -> DataFrame | None:
        """Read all partitions before tonight, from `since` on if given; None if there are none."""
        days = [
            day
            for day in self.lake.list_dates(table)
            if day < self.logical_date and (since is None or day >= since)
        ]
        return self._read([self.lake.partition(table, day) for day in days]) if days else None

    def count_tonight(self, table: str) -> int:
        """Count the rows of tonight's partition, from the files' footers."""
        return count_rows(self.lake.partition(table, self.logical_date))

    def count_last(self, table: str) -> int:
        """Count the rows of the newest partition before tonight; 0 on a first night."""
        day = self.lake.latest_date_before(table, self.logical_date)
        return 0 if day is None else count_rows(self.lake.partition(table, day))

    def write(
        self, table: str, rows: DataFrame, schema: StructType, *key: str, expected_rows: int = 0
    ) -> int:
        """Write tonight's partition, sorted by key, and return how many rows it has.

        Many rows are split over files by a hash of the key, so that the bytes do not depend on how Spark
        split the work.

        Args:
            table: Name of the table.
            rows: The rows, with at least the columns of the schema.
            schema: Columns and types to write, in order.
            key: Columns to sort by; together they are unique.
            expected_rows: An upper estimate of the number of rows, for the number of files.
        """
        files = max(1, -(-expected_rows // self.rows_per_file))
        columns = [F.col(field.name).cast(field.dataType).alias(field.name) for field in schema.fields]
        typed = rows.select(*columns)
        split = typed.coalesce(1) if files == 1 else typed.repartition(files, *key)
        with self.lake.replace_partition(table, self.logical_date) as folder:
            split.sortWithinPartitions(*key).write.mode("overwrite").parquet(str(folder))
            _normalize_files(folder)
        return self.count_tonight(table)

    def _read(self, folders: list[Path]) -> DataFrame:
        """Read the files of some partitions."""
        files = [file for folder in folders for file in sorted(folder.glob("*.parquet"))]
        # Given the schema, Spark need not start a job to look it up.
        schema = from_arrow_schema(pq.read_schema(files[0]))
        return self.spark.read.schema(schema).parquet(*map(str, files))


def _normalize_files(folder: Path) -> None:
    """Remove what differs between runs: random file names, checksum files, the order of encodings."""
    for checksum in folder.glob(".*.crc"):
        checksum.unlink()
    for number, file in enumerate(sorted(folder.glob("*.parquet"))):
        sort_encodings(file)
        file.rename(folder / f"part-{number:05d}.parquet")

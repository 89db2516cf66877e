"""Tables of the lake as Spark frames: read for one night or all nights so far, written sorted and byte for byte alike."""

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
from handpick.lake.partitions import Lake, rows_of
from handpick.stages.transform.footer import sort_encodings


@dataclass(frozen=True)
class Tables:
    """The lake as one night sees it: nothing dated after `logical_date` is ever read."""

    spark: SparkSession
    lake: Lake
    logical_date: date
    rows_per_file: int

    def tonight(self, table: str) -> DataFrame:
        """Tonight's partition.

        Raises:
            MissingPartition: If the stage before has not written it.
        """
        if not self.lake.has(table, self.logical_date):
            raise MissingPartition(
                f"{table} has no partition for {self.logical_date}: looked in "
                f"{self.lake.partition(table, self.logical_date)}. Run `handpick validate --date {self.logical_date}` first."
            )
        return self._read([self.lake.partition(table, self.logical_date)])

    def last(self, table: str) -> DataFrame | None:
        """The newest partition before tonight, or None on a first night."""
        day = self.lake.before(table, self.logical_date)
        return None if day is None else self._read([self.lake.partition(table, day)])

    def earlier(self, table: str, since: date | None = None) -> DataFrame | None:
        """All partitions before tonight (from `since` on), or None."""
        days = [
            day
            for day in self.lake.dates(table)
            if day < self.logical_date and (since is None or day >= since)
        ]
        return self._read([self.lake.partition(table, day) for day in days]) if days else None

    def rows(self, table: str) -> int:
        """How many rows tonight's partition has, from the files' footers."""
        return self._rows(table, self.logical_date)

    def rows_before(self, table: str) -> int:
        """How many rows the newest partition before tonight has; 0 on a first night."""
        day = self.lake.before(table, self.logical_date)
        return 0 if day is None else self._rows(table, day)

    def _rows(self, table: str, day: date) -> int:
        return rows_of(self.lake.partition(table, day))

    def write(self, table: str, rows: DataFrame, schema: StructType, *key: str, about: int = 0) -> int:
        """Write tonight's partition in the schema's columns, sorted by key, and say how many rows it has.

        Many rows are split by a hash of the key, so that the bytes do not depend on who computed them.

        Args:
            about: An upper estimate of the rows, for the number of files.
        """
        files = max(1, -(-about // self.rows_per_file))
        columns = [F.col(field.name).cast(field.dataType).alias(field.name) for field in schema.fields]
        typed = rows.select(*columns)
        split = typed.coalesce(1) if files == 1 else typed.repartition(files, *key)
        with self.lake.writing(table, self.logical_date) as folder:
            split.sortWithinPartitions(*key).write.mode("overwrite").parquet(str(folder))
            _rename(folder)
        return self.rows(table)

    def _read(self, folders: list[Path]) -> DataFrame:
        files = [file for folder in folders for file in self._files(folder)]
        # Told the schema, Spark starts no job of its own to look it up.
        schema = from_arrow_schema(pq.read_schema(files[0]))
        return self.spark.read.schema(schema).parquet(*map(str, files))

    def _files(self, folder: Path) -> list[Path]:
        return sorted(folder.glob("*.parquet"))


def _rename(folder: Path) -> None:
    """Names without the run's random part: `part-00000.parquet` ..., no checksum files, and footers in order."""
    for checksum in folder.glob(".*.crc"):
        checksum.unlink()
    for number, file in enumerate(sorted(folder.glob("*.parquet"))):
        sort_encodings(file)
        file.rename(folder / f"part-{number:05d}.parquet")

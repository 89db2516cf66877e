"""The lake's tables: immutable Parquet partitions, one per table and logical date, replaced atomically."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from handpick.errors import MissingPartition
from handpick.pipeline.registry import find_writing_stage

PARTITION_PREFIX = "logical_date="
VECTOR_ROW_GROUP_SIZE = 8192
"""Rows per row group in tables with vectors (12 MiB of 384 float32), so that several cores read one file."""


@dataclass(frozen=True)
class Lake:
    """Parquet tables under one root: `<root>/<table>/logical_date=YYYY-MM-DD/*.parquet`.

    A table's name may hold slashes (`raw/events`). A partition becomes visible all at once, when its writer
    succeeds; a killed writer leaves only a folder whose name starts with `.tmp-`, which the next writer
    removes.

    Args:
        root: The folder that holds the tables.
    """

    root: Path

    def partition(self, table: str, logical_date: date) -> Path:
        """Return the folder of one partition, whether or not it exists."""
        return self.root / table / f"{PARTITION_PREFIX}{logical_date.isoformat()}"

    def has(self, table: str, logical_date: date) -> bool:
        """Return whether the partition was written."""
        return self.partition(table, logical_date).is_dir()

    def list_dates(self, table: str, through: date | None = None) -> list[date]:
        """Return the logical dates written for a table, oldest first, up to and including `through`."""
        found = (
            date.fromisoformat(folder.name.removeprefix(PARTITION_PREFIX))
            for folder in (self.root / table).glob(f"{PARTITION_PREFIX}*")
            if folder.is_dir()
        )
        return sorted(day for day in found if through is None or day <= through)

    def latest_date_before(self, table: str, logical_date: date) -> date | None:
        """Return the newest logical date written before this one, or None on a first night."""
        earlier = [day for day in self.list_dates(table) if day < logical_date]
        return earlier[-1] if earlier else None

    @contextmanager
    def replace_partition(self, table: str, logical_date: date) -> Iterator[Path]:
        """Yield an empty folder that replaces the partition on success and is removed on failure."""
        target = self.partition(table, logical_date)
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = target.with_name(f".tmp-{target.name}")
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        try:
            yield staging
            # Spark and Hadoop leave marker files whose presence depends on the version; digests cover every
            # file.
            for name in ("_SUCCESS", "._SUCCESS.crc"):
                (staging / name).unlink(missing_ok=True)
            # A folder cannot replace a non-empty one in a single rename: the old one is renamed first, so
            # that a reader sees the old partition, for an instant none, then the new one, but never a
            # mixture.
            old = target.with_name(f".old-{target.name}")
            shutil.rmtree(old, ignore_errors=True)
            if target.exists():
                target.replace(old)
            staging.replace(target)
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def write(self, table: str, logical_date: date, rows: pa.Table) -> Path:
        """Write one Arrow table as the whole partition and return the partition's folder."""
        with self.replace_partition(table, logical_date) as folder:
            write_parquet(rows, folder / "part-00000.parquet")
        return self.partition(table, logical_date)

    def read(
        self,
        table: str,
        logical_date: date,
        columns: list[str] | None = None,
        where: ds.Expression | None = None,
    ) -> pa.Table:
        """Read one partition.

        Args:
            table: Name of the table, such as `clean/items`.
            logical_date: The night that wrote it.
            columns: Columns to read; all by default.
            where: Only rows for which this expression is true; all by default.

        Raises:
            MissingPartition: If no stage has written it.
        """
        folder = self.partition(table, logical_date)
        if not folder.is_dir():
            raise MissingPartition(
                f"{table} has no partition for {logical_date}: looked in {folder}. First "
                f"{_describe_how_to_write(table, logical_date)}."
            )
        return ds.dataset(folder, format="parquet").to_table(columns=columns, filter=where)

    def read_through(
        self,
        table: str,
        logical_date: date,
        columns: list[str] | None = None,
        since: date | None = None,
        where: ds.Expression | None = None,
    ) -> pa.Table:
        """Read every partition up to and including one logical date, oldest first.

        Args:
            table: Name of the table.
            logical_date: The last night to read.
            columns: Columns to read; all by default.
            since: The first night to read; the table's first by default.
            where: Only rows for which this expression is true; all by default.

        Raises:
            MissingPartition: If there is no such partition.
        """
        days = [day for day in self.list_dates(table, logical_date) if since is None or day >= since]
        if not days:
            raise MissingPartition(
                f"{table} has no partition up to {logical_date}: looked in {self.root / table}. "
                f"First {_describe_how_to_write(table, logical_date)}."
            )
        # Permissive: a later night may have a column that earlier ones lack, or only nulls where others have
        # values.
        return pa.concat_tables(
            [self.read(table, day, columns, where) for day in days], promote_options="permissive"
        )


def _describe_how_to_write(table: str, logical_date: date) -> str:
    """Return what to run to get a partition of a table, as the end of a sentence."""
    stage = find_writing_stage(table)
    alone = f"run `handpick {stage.command} --date {logical_date}`, or " if stage else ""
    return f"{alone}run `handpick night --date {logical_date}`, which runs all stages"


def count_rows(*partitions: Path) -> int:
    """Count the rows of partitions together, from their files' footers; a missing partition has none."""
    return sum(pq.read_metadata(file).num_rows for folder in partitions for file in folder.glob("*.parquet"))


def write_parquet(rows: pa.Table, path: Path) -> None:
    """Write one Parquet file that Spark, DuckDB and Feast can read (zstd, timestamps in microseconds)."""
    is_wide = any(pa.types.is_list(kind) for kind in rows.schema.types)
    # Vector elements hardly ever repeat and nobody filters by them: dictionaries and statistics would only
    # cost time.
    plain = [_name_leaf(field) for field in rows.schema if not _is_vector(field.type)]
    pq.write_table(
        rows,
        path,
        compression="zstd",
        # Spark reads nanoseconds as plain integers, so every timestamp is stored in microseconds.
        coerce_timestamps="us",
        allow_truncated_timestamps=True,
        row_group_size=VECTOR_ROW_GROUP_SIZE if is_wide else None,
        use_dictionary=plain,
        write_statistics=plain,
    )


def _is_vector(kind: pa.DataType) -> bool:
    """Return whether a column of this type holds embedding vectors."""
    return bool(pa.types.is_list(kind) and pa.types.is_floating(kind.value_type))


def _name_leaf(field: pa.Field) -> str:
    """Return the name under which Parquet stores a field's values."""
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else str(field.name)


def digest_files(path: Path) -> str:
    """Return the SHA-256 over name and bytes of a file, or of every file below a folder, in name order."""
    total = hashlib.sha256()
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    for file in files:
        total.update(file.relative_to(path.parent if path.is_file() else path).as_posix().encode())
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


def digest_partitions(lake: Lake, tables: Iterable[str], logical_date: date) -> str:
    """Return the SHA-256 over one night's partitions of several tables, in the given order.

    Stages report it as the digest of their output; it hashes the hexadecimal digests of the
    partitions.
    """
    total = hashlib.sha256()
    for table in tables:
        total.update(digest_files(lake.partition(table, logical_date)).encode())
    return total.hexdigest()

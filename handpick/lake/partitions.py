"""The lake: immutable Parquet partitions, one per table and logical date, written beside and moved into place."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from handpick.errors import MissingPartition
from handpick.pipeline.registry import writer_of

PREFIX = "logical_date="
WIDE_ROWS = 8192
"""Rows of one group where there are vectors: 12 MiB of 384 numbers each, which several cores read side by side."""


@dataclass(frozen=True)
class Lake:
    """Parquet under one root: `<root>/<table>/logical_date=YYYY-MM-DD/*.parquet`.

    A table's name may hold slashes (`raw/events`). A partition becomes visible all at once, when the writer that
    made it succeeds; a killed writer leaves only a folder whose name starts with `.tmp-`, which the next one removes.
    """

    root: Path

    def partition(self, table: str, logical_date: date) -> Path:
        """The folder of one partition, whether or not it exists."""
        return self.root / table / f"{PREFIX}{logical_date.isoformat()}"

    def has(self, table: str, logical_date: date) -> bool:
        """Whether the partition was written."""
        return self.partition(table, logical_date).is_dir()

    def dates(self, table: str, through: date | None = None) -> list[date]:
        """Logical dates written for a table, oldest first, up to and including `through`."""
        found = (
            date.fromisoformat(folder.name.removeprefix(PREFIX))
            for folder in (self.root / table).glob(f"{PREFIX}*")
            if folder.is_dir()
        )
        return sorted(day for day in found if through is None or day <= through)

    def before(self, table: str, logical_date: date) -> date | None:
        """The newest logical date written before this one, or None on a first night."""
        earlier = [day for day in self.dates(table) if day < logical_date]
        return earlier[-1] if earlier else None

    @contextmanager
    def writing(self, table: str, logical_date: date) -> Iterator[Path]:
        """Yield an empty folder; on success it replaces the partition, on failure it is removed."""
        target = self.partition(table, logical_date)
        target.parent.mkdir(parents=True, exist_ok=True)
        staging = target.with_name(f".tmp-{target.name}")
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        try:
            yield staging
            for name in ("_SUCCESS", "._SUCCESS.crc"):
                (staging / name).unlink(missing_ok=True)
            old = target.with_name(f".old-{target.name}")
            shutil.rmtree(old, ignore_errors=True)
            if target.exists():
                target.replace(old)
            staging.replace(target)
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(staging, ignore_errors=True)

    def write(self, table: str, logical_date: date, rows: pa.Table) -> Path:
        """Write one Arrow table as the whole partition (zstd, microsecond timestamps)."""
        with self.writing(table, logical_date) as folder:
            write_parquet(rows, folder / "part-00000.parquet")
        return self.partition(table, logical_date)

    def read(
        self,
        table: str,
        logical_date: date,
        columns: list[str] | None = None,
        where: ds.Expression | None = None,
    ) -> pa.Table:
        """Read one partition, or its rows for which an expression is true.

        Raises:
            MissingPartition: If no stage has written it.
        """
        folder = self.partition(table, logical_date)
        if not folder.is_dir():
            raise MissingPartition(
                f"{table} has no partition for {logical_date}: looked in {folder}. First {_made_by(table, logical_date)}."
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
        """Read every partition up to and including one logical date (and from `since`, if given), oldest first."""
        days = [day for day in self.dates(table, logical_date) if since is None or day >= since]
        if not days:
            raise MissingPartition(
                f"{table} has no partition up to {logical_date}: looked in {self.root / table}. "
                f"First {_made_by(table, logical_date)}."
            )
        return pa.concat_tables(
            [self.read(table, day, columns, where) for day in days], promote_options="permissive"
        )


def _made_by(table: str, logical_date: date) -> str:
    """Say what to run to get a partition of a table."""
    stage = writer_of(table)
    alone = f"run `handpick {stage.command} --date {logical_date}`, or " if stage else ""
    return f"{alone}run `handpick night --date {logical_date}`, which runs all stages"


def rows_of(partition: Path) -> int:
    """How many rows a partition has, from its files' footers; one that is not there has none."""
    return sum(pq.read_metadata(file).num_rows for file in partition.glob("*.parquet"))


def write_parquet(rows: pa.Table, path: Path) -> None:
    """Write one Parquet file in the form that Spark, DuckDB and Feast all read."""
    is_wide = any(pa.types.is_list(kind) for kind in rows.schema.types)
    # A dictionary of numbers that never repeat, and the least of them, only cost time.
    plain = [_leaf(field) for field in rows.schema if not _is_vector(field.type)]
    pq.write_table(
        rows,
        path,
        compression="zstd",
        coerce_timestamps="us",
        allow_truncated_timestamps=True,
        row_group_size=WIDE_ROWS if is_wide else None,
        use_dictionary=plain,
        write_statistics=plain,
    )


def _is_vector(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) and pa.types.is_floating(kind.value_type))


def _leaf(field: pa.Field) -> str:
    """What Parquet calls the column that holds a field's values."""
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else str(field.name)


def digest_of(path: Path) -> str:
    """SHA-256 over the names and bytes of a file, or of every file below a folder, in name order."""
    total = hashlib.sha256()
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    for file in files:
        total.update(file.relative_to(path.parent if path.is_file() else path).as_posix().encode())
        with file.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()


def digest_of_rows(rows: pa.Table) -> str:
    """SHA-256 of a table's content, independent of how it is split into files or chunks."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema.remove_metadata()) as writer:
        writer.write_table(rows.combine_chunks().replace_schema_metadata(None))
    return hashlib.sha256(sink.getvalue()).hexdigest()

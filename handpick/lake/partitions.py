"""The lake's tables: immutable Parquet partitions, one per table and logical date, replaced atomically."""

from __future__ import annotations

import functools
import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from handpick.errors import DamagedData, MissingPartition
from handpick.lake.checksums import (
    BrokenChecksums,
    Damage,
    combine_digests,
    digest_file,
    digest_from_checksums,
    find_damage,
    list_data_files,
    write_checksums,
)
from handpick.lake.locks import hold_lock
from handpick.lake.swap import OLD_PREFIX, name_staging, recover_folder, replace_folder
from handpick.pipeline.registry import find_writing_stage

if TYPE_CHECKING:
    import pyarrow.dataset as ds

PARTITION_PREFIX = "logical_date="
VECTOR_ROW_GROUP_SIZE = 8192
"""Rows per row group in tables with vectors (12 MiB of 384 float32), so that several cores read one file."""
MAX_READS = 50
"""How often a partition is read again that was replaced while it was read."""


@functools.cache
def _get_verified_format() -> ds.ParquetFileFormat:
    """Return the format that compares each page with its checksum, where its writer has stored one."""
    import pyarrow.dataset as ds

    return ds.ParquetFileFormat(
        default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True)
    )


@dataclass(frozen=True)
class Lake:
    """Parquet tables under one root: `<root>/<table>/logical_date=YYYY-MM-DD/*.parquet`.

    A table's name may hold slashes (`raw/events`). A partition becomes visible all at once, when its writer
    succeeds, with the checksums of its files. One process at a time writes a table; what a killed writer
    leaves (a folder whose name starts with `.tmp-` or `.old-`) the next one removes or puts back.

    Args:
        root: The folder that holds the tables.
        lock_timeout_s: Seconds that a writer waits for another one of the same table.
    """

    root: Path
    lock_timeout_s: float = 3600.0

    def partition(self, table: str, logical_date: date) -> Path:
        """Return the folder of one partition, whether or not it exists."""
        return self.root / table / f"{PARTITION_PREFIX}{logical_date.isoformat()}"

    def has(self, table: str, logical_date: date) -> bool:
        """Return whether the partition was written."""
        folder = self.partition(table, logical_date)
        if not folder.is_dir() and folder.with_name(f"{OLD_PREFIX}{folder.name}").is_dir():
            self._recover(table, logical_date)
        return folder.is_dir()

    def list_dates(self, table: str, through: date | None = None) -> list[date]:
        """Return the logical dates written for a table, oldest first, up to and including `through`.

        Raises:
            DamagedData: If a folder there looks like a partition, but its name holds no date.
        """
        above = self.root / table
        for old in above.glob(f"{OLD_PREFIX}{PARTITION_PREFIX}*"):
            self.has(table, parse_partition_date(old.with_name(old.name.removeprefix(OLD_PREFIX))))
        found = (
            parse_partition_date(folder) for folder in above.glob(f"{PARTITION_PREFIX}*") if folder.is_dir()
        )
        return sorted(day for day in found if through is None or day <= through)

    def list_tables(self, names: Iterable[str] = ("*",)) -> list[str]:
        """Return the tables that have partitions, by name.

        Args:
            names: Tables, or first parts of their names (`clean` for all of `clean/…`); all by default.
        """
        found: set[str] = set()
        for name in names:
            for folder in self.root.glob(name):
                found.update(self._walk_tables(folder))
        return sorted(found)

    def _walk_tables(self, folder: Path) -> Iterator[str]:
        """Yield the names of the tables in a folder of the lake, or its own if it is one."""
        if folder.name.startswith(".") or not folder.is_dir():
            return
        inner = [path for path in folder.iterdir() if path.is_dir()]
        if any(path.name.startswith(PARTITION_PREFIX) for path in inner):
            yield folder.relative_to(self.root).as_posix()
            return
        for path in inner:
            yield from self._walk_tables(path)

    def latest_date_before(self, table: str, logical_date: date) -> date | None:
        """Return the newest logical date written before this one, or None on a first night."""
        earlier = [day for day in self.list_dates(table) if day < logical_date]
        return earlier[-1] if earlier else None

    @contextmanager
    def lock_table(self, table: str, logical_date: date) -> Iterator[None]:
        """Hold the lock of a table inside the block, for what is decided before its partition is written.

        Raises:
            Busy: If another process holds it for longer than `lock_timeout_s`.
        """
        with hold_lock(self.root, table, f"{table} of {logical_date}", self.lock_timeout_s):
            yield

    @contextmanager
    def replace_partition(
        self, table: str, logical_date: date, before: Callable[[Path], None] | None = None
    ) -> Iterator[Path]:
        """Yield an empty folder that replaces the partition on success and is removed on failure.

        Args:
            table: Name of the table.
            logical_date: The night.
            before: Called with the finished folder, checksums included, before it replaces the partition.

        Raises:
            Busy: If another process writes the table for longer than `lock_timeout_s`.
        """
        target = self.partition(table, logical_date)
        with self.lock_table(table, logical_date):
            target.parent.mkdir(parents=True, exist_ok=True)
            recover_folder(target)
            staging = name_staging(target)
            staging.mkdir()
            try:
                yield staging
                # Spark and Hadoop leave marker files whose presence depends on the version; digests cover
                # every file.
                for name in ("_SUCCESS", "._SUCCESS.crc"):
                    (staging / name).unlink(missing_ok=True)
                write_checksums(staging)
                if before is not None:
                    before(staging)
                replace_folder(staging, target)
            finally:
                shutil.rmtree(staging, ignore_errors=True)

    def check(self, table: str, days: Iterable[date], *, with_bytes: bool = False) -> None:
        """Check that partitions are what their writers wrote, as far as checksums were written.

        Args:
            table: Name of the table.
            days: The nights that wrote them.
            with_bytes: Whether all bytes are compared; otherwise sizes and Parquet footers.

        Raises:
            DamagedData: If one is not; names its first damaged file, and how to write it again.
        """
        for day in days:
            damaged = find_damage(self.partition(table, day), with_bytes=with_bytes)
            # Damage seen while the partition is replaced is none.
            if damaged and (damaged := find_damage(self.partition(table, day), with_bytes=with_bytes)):
                raise DamagedData(_describe_damage(table, day, str(damaged[0])))

    def list_files(self, table: str, days: Iterable[date], *, with_bytes: bool = False) -> list[Path]:
        """Return the Parquet files of partitions in order, for readers other than this one, checked first.

        Args:
            table: Name of the table.
            days: The nights that wrote them.
            with_bytes: Whether all bytes are compared, for readers that do not compare pages, such as DuckDB.

        Raises:
            DamagedData: If one is not what its writer wrote.
        """
        days = list(days)
        self.check(table, days, with_bytes=with_bytes)
        return [file for day in days for file in sorted(self.partition(table, day).glob("*.parquet"))]

    def _recover(self, table: str, logical_date: date) -> None:
        """Bring back the partition that a killed writer has moved aside."""
        # Not for a reader who may not write here; its next message says that there is no partition.
        with suppress(OSError), self.lock_table(table, logical_date):
            recover_folder(self.partition(table, logical_date))

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
            DamagedData: If it is not what its writer wrote.
        """
        folder = self.partition(table, logical_date)
        if not self.has(table, logical_date):
            raise MissingPartition(
                f"{table} has no partition for {logical_date}: looked in {folder}. First "
                f"{_describe_how_to_write(table, logical_date)}."
            )
        # Imported here, as it imports pandas, which commands that only look at files do without.
        import pyarrow.dataset as ds

        for _ in range(MAX_READS):
            version = _identify(folder)
            try:
                self.check(table, [logical_date])
                rows = ds.dataset(folder, format=_get_verified_format()).to_table(
                    columns=columns, filter=where
                )
            # MemoryError: a damaged file may claim sizes that cannot be allocated.
            except (pa.ArrowException, OSError, MemoryError, DamagedData) as error:
                if _identify(folder) == version:
                    raise self._explain(table, logical_date, error) from None
            else:
                # Files are opened by name, one after the other: all must be of the same version.
                if _identify(folder) == version:
                    return rows
        raise DamagedData(f"{table} of {logical_date} was replaced {MAX_READS} times while it was read.")

    def read_through(
        self,
        table: str,
        logical_date: date,
        columns: list[str] | None = None,
        since: date | None = None,
        where: ds.Expression | None = None,
        *,
        check_bytes: bool = False,
    ) -> pa.Table:
        """Read every partition up to and including one logical date, oldest first.

        Args:
            table: Name of the table.
            logical_date: The last night to read.
            columns: Columns to read; all by default.
            since: The first night to read; the table's first by default.
            where: Only rows for which this expression is true; all by default.
            check_bytes: Whether all bytes are compared with their checksums first.

        Raises:
            MissingPartition: If there is no such partition.
            DamagedData: If one is not what its writer wrote.
        """
        days = [day for day in self.list_dates(table, logical_date) if since is None or day >= since]
        if not days:
            raise MissingPartition(
                f"{table} has no partition up to {logical_date}: looked in {self.root / table}. "
                f"First {_describe_how_to_write(table, logical_date)}."
            )
        if check_bytes:
            self.check(table, days, with_bytes=True)
        # Permissive: a later night may have a column that earlier ones lack, or only nulls where others have
        # values.
        return pa.concat_tables(
            [self.read(table, day, columns, where) for day in days], promote_options="permissive"
        )

    def _explain(self, table: str, logical_date: date, error: Exception) -> Exception:
        """Return what a failed read is reported as: the damaged file if there is one, else the error."""
        if isinstance(error, OSError) and error.errno is not None:
            return error  # of the system, such as a full disk or a missing right
        if isinstance(error, DamagedData | pa.ArrowKeyError | pa.ArrowNotImplementedError):
            return error
        damaged = find_damage(self.partition(table, logical_date), with_bytes=True)
        damaged_files = damaged or find_unreadable(self.partition(table, logical_date))
        if not damaged_files:
            return error  # sound files: the reader asked for what they do not have
        return DamagedData(_describe_damage(table, logical_date, str(damaged_files[0])))


def _describe_damage(table: str, logical_date: date, problem: str) -> str:
    """Return the message about a damaged partition.

    Args:
        table: Its table.
        logical_date: Its night.
        problem: The damaged file, and what is wrong with it.
    """
    return (
        f"{table} of {logical_date} is damaged: {problem}. None of it was used; `handpick verify --date "
        f"{logical_date} --repair` writes it again from what is sound."
    )


def parse_partition_date(folder: Path) -> date:
    """Return the logical date that a partition's folder is named for.

    Raises:
        DamagedData: If its name holds none.
    """
    text = folder.name.removeprefix(PARTITION_PREFIX)
    with suppress(ValueError):
        day = date.fromisoformat(text)
        if day.isoformat() == text:  # not 20260301, which would be another partition of the same night
            return day
    raise DamagedData(
        f"{folder} is not a partition: what follows {PARTITION_PREFIX} is no date. Nothing was read, as "
        "queries over all nights would read it, too; move the folder out of the lake, then run this again."
    )


def _identify(folder: Path) -> tuple[int, int, int] | None:
    """Return what tells a partition from another one of the same name; None if there is none."""
    try:
        status = folder.stat()
    except FileNotFoundError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns


def find_unreadable(folder: Path) -> list[Damage]:
    """Return the Parquet files below a folder that cannot be read; finds damage without checksums, too."""
    found = []
    for file in sorted(folder.rglob("*.parquet")):
        try:
            pq.ParquetFile(file, page_checksum_verification=True).read()
        except (pa.ArrowException, OSError, MemoryError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0].removesuffix(".")
            found.append(Damage(file, f"cannot be read ({reason})"))
    return found


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
        write_page_checksum=True,
    )


def _is_vector(kind: pa.DataType) -> bool:
    """Return whether a column of this type holds embedding vectors."""
    return bool(pa.types.is_list(kind) and pa.types.is_floating(kind.value_type))


def _name_leaf(field: pa.Field) -> str:
    """Return the name under which Parquet stores a field's values."""
    return f"{field.name}.list.element" if pa.types.is_list(field.type) else str(field.name)


def digest_files(path: Path) -> str:
    """Return the SHA-256 over name and bytes of a file, or of every data file in a folder, in name order."""
    if path.is_file():
        return combine_digests({path.name: digest_file(path)})
    files = list_data_files(path)
    return combine_digests({file.relative_to(path).as_posix(): digest_file(file) for file in files})


def digest_partition(folder: Path) -> str:
    """Return what `digest_files` returns of a partition, from its checksums where it has them."""
    with suppress(BrokenChecksums):
        return digest_from_checksums(folder) or digest_files(folder)
    return digest_files(folder)


def digest_partitions(
    lake: Lake, tables: Iterable[str], logical_date: date, former: Mapping[str, str] | None = None
) -> str:
    """Return the SHA-256 over one night's partitions of several tables, in the given order.

    Stages report it as the digest of their output; it hashes the hexadecimal digests of the partitions, as
    their checksums state them.

    Args:
        lake: The lake.
        tables: The tables.
        logical_date: The night.
        former: Digests that some of the tables had before, to be taken instead.
    """
    total = hashlib.sha256()
    for table in tables:
        digest = (former or {}).get(table) or digest_partition(lake.partition(table, logical_date))
        total.update(digest.encode())
    return total.hexdigest()

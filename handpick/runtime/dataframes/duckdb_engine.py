"""The embedded engine: DuckDB in this process, with the functions that give Spark's results."""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from handpick.errors import ConfigurationError
from handpick.runtime.dataframes import duckdb_functions, spark_texts
from handpick.runtime.dataframes.duckdb_column import TYPES, Window, quote_name, write_literal, write_order
from handpick.runtime.dataframes.duckdb_frame import DataFrame
from handpick.runtime.disk_errors import DISK_FULL_ERRORS
from handpick.runtime.log import log_progress

MAX_ROUNDED_PLACES = 6
STALE_SECONDS = 86_400
"""Age after which another process's folder of spilled rows is taken to be left by a killed night."""
WATCH_SECONDS = 0.5
STREAMED_ROWS = 100_000


class DuckDBEngine:
    """One in-memory DuckDB that reads and writes the lake's files; threads may share it.

    Args:
        memory: Memory before rows are spilled to files, such as `4GiB`.
        threads: Threads; one per core by default.
        spill: Folder in which spilled rows get a folder, which is removed on `close`.
    """

    name = "duckdb"
    functions = duckdb_functions
    window = Window

    def __init__(self, memory: str, threads: int | None, spill: Path) -> None:
        import duckdb

        self._spill = spill / f"spill-{os.getpid()}"
        spill.mkdir(parents=True, exist_ok=True)  # DuckDB makes only the last folder, when it spills
        _remove_stale(spill)
        config: dict[str, Any] = {"memory_limit": memory, "temp_directory": str(self._spill)}
        config |= {} if threads is None else {"threads": threads}
        self._database = duckdb.connect(":memory:", config=config)
        self._database.execute("SET GLOBAL TimeZone = 'UTC'")  # cursors take only what is set for all
        _add_functions(self._database)
        self._kept = 0
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._memory = memory
        threading.Thread(target=self._watch_spill, daemon=True).start()

    def __enter__(self) -> DuckDBEngine:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the memory and remove spilled rows."""
        self._closed.set()
        self._database.close()
        shutil.rmtree(self._spill, ignore_errors=True)

    @contextmanager
    def connect(self) -> Iterator[Any]:
        """Yield a connection for SQL of its own, with this engine's memory, threads and time zone."""
        with self._report_shortage(), self._database.cursor() as cursor:
            yield cursor

    def read(self, files: Sequence[Path], schema: pa.Schema) -> Any:
        """Read Parquet files of one schema."""
        listed = ", ".join(write_literal(str(file)) for file in files)
        return DataFrame(self, f"read_parquet([{listed}], hive_partitioning = false) AS step", schema.names)

    def read_in_order(self, files: Sequence[Path], schema: pa.Schema) -> Any:
        """Read Parquet files so that `store` keeps the order of their rows."""
        return self.read(files, schema)

    def store(self, rows: Any, folder: Path) -> list[Path]:
        """Write rows to uncompressed Parquet files, for one read, and return these."""
        folder.mkdir(parents=True)
        file = folder / "part-00000.parquet"
        self._execute(
            f"COPY ({rows.sql}) TO {write_literal(str(file))} (FORMAT parquet, COMPRESSION uncompressed)"
        )
        return [file]

    def stream_sorted(
        self, rows: Any, schema: pa.Schema, key: Sequence[str], folder: Path, expected_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """Yield rows in the types of a schema, sorted by a key, nulls first; `folder` is not needed."""
        del folder, expected_rows
        columns = [
            f"CAST({quote_name(one.name)} AS {_name_type(one.type)}) AS {quote_name(one.name)}"
            for one in schema
        ]
        order = ", ".join(write_order(name) for name in key)
        query = f"SELECT {', '.join(columns)} FROM ({rows.sql}) AS step ORDER BY {order}"  # noqa: S608 - names are quoted, values are literals
        with self.connect() as cursor:
            reader: Any = cursor.sql(query).to_arrow_reader(STREAMED_ROWS)
            yield from reader

    def keep(self, rows: DataFrame) -> DataFrame:
        """Compute rows and keep them as a table."""
        with self._lock:
            self._kept += 1
            name = f"kept_{self._kept}"
        self._execute(f"CREATE TABLE {name} AS {rows.sql}")
        return DataFrame(
            self, f"{name} AS step", rows.columns, release=lambda: self._execute(f"DROP TABLE {name}")
        )

    def run(self, query: str) -> pa.Table:
        """Run a query and return its rows."""
        with self.connect() as cursor:
            return cursor.sql(query).to_arrow_table()

    def _execute(self, statement: str) -> None:
        # A cursor of its own for each statement, so that threads do not wait for each other.
        with self.connect() as cursor:
            cursor.execute(statement)

    @contextmanager
    def _report_shortage(self) -> Iterator[None]:
        """Turn DuckDB's errors about a full disk into those of the system, and name the memory that is short.

        Raises:
            OSError: If spilled rows fill the disk.
            ConfigurationError: If a step needs more memory than is set, and cannot spill.
        """
        import duckdb

        try:
            yield
        except duckdb.Error as error:
            told = str(error)
            full = [number for number in DISK_FULL_ERRORS if os.strerror(number) in told]
            if full or "max_temp_directory_size" in told:
                number = full[0] if full else errno.ENOSPC
                raise OSError(number, os.strerror(number), str(self._spill)) from error
            if isinstance(error, duckdb.OutOfMemoryException):
                raise ConfigurationError(
                    f"transform.memory = {self._memory!r} is too small for these rows, even with the rest in "
                    f"{self._spill}; no partial partition is left. Raise it, and run the stage again."
                ) from error
            raise

    def _watch_spill(self) -> None:
        """Say once that rows are spilled."""
        while not self._closed.wait(WATCH_SECONDS):
            size = sum(file.stat().st_size for file in self._spill.glob("*")) if self._spill.is_dir() else 0
            if size:
                log_progress(
                    f"  memory is short: DuckDB works with {self._memory} and keeps the rest in "
                    f"{self._spill}, which takes longer; see transform.memory"
                )
                return


def _add_functions(database: Any) -> None:
    """Register the functions in Python and the macros that the SQL of columns calls."""
    for name, (function, result) in spark_texts.FUNCTIONS.items():
        database.create_function(name, function, ["VARCHAR"], result, type="arrow", null_handling="special")
    for macro in spark_texts.MACROS:
        database.execute(f"CREATE MACRO {macro}")
    for places in range(MAX_ROUNDED_PLACES + 1):
        database.create_function(
            f"python_round_{places}", spark_texts.build_rounding(places), ["DOUBLE"], "DOUBLE", type="arrow",
            null_handling="special",
        )  # fmt: skip
        # Decimals of the shortest text round as Spark's BigDecimal; above 2^30 by its text as a whole.
        database.execute(
            f"CREATE MACRO spark_round_{places}(x) AS CASE WHEN abs(x) < 1073741824 THEN "
            "CASE WHEN x = trunc(x) THEN x + 0.0::DOUBLE ELSE "
            f"CAST(round(CAST(CAST(x AS VARCHAR) AS DECIMAL(38, 28)), {places}) AS DOUBLE) END "
            f"ELSE python_round_{places}(x) END"
        )


def _name_type(kind: pa.DataType) -> str:
    """Return DuckDB's name of an Arrow type."""
    if pa.types.is_list(kind):
        return f"{_name_type(kind.value_type)}[]"
    return {
        pa.string(): TYPES["string"],
        pa.float64(): TYPES["double"],
        pa.int32(): TYPES["int"],
        pa.int64(): TYPES["long"],
        pa.bool_(): TYPES["boolean"],
        pa.date32(): TYPES["date"],
        pa.timestamp("us", tz="UTC"): TYPES["timestamp"],
    }[kind]


def _remove_stale(folder: Path) -> None:
    """Remove the spilled rows of nights that were killed."""
    for old in folder.glob("spill-*"):
        if time.time() - old.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(old, ignore_errors=True)

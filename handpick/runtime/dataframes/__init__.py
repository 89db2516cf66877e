"""PySpark's DataFrame API on the engine of this night: DuckDB in this process, or a Spark session.

Transforms and row rules are written once, in PySpark's API: they take `F` and `Window` from here instead of
from `pyspark.sql`, and type checkers see PySpark's. `start_engine` chooses who supplies them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from handpick.runtime.dataframes import duckdb_functions
from handpick.runtime.dataframes.duckdb_column import Window as _DuckDBWindow

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Column, DataFrame, Window
    from pyspark.sql import functions as F

    from handpick.runtime.dataframes.duckdb_engine import DuckDBEngine
    from handpick.settings.load import Settings

__all__ = [
    "Column",
    "DataFrame",
    "Engine",
    "F",
    "Window",
    "choose_engine",
    "start_duckdb",
    "start_engine",
    "use_engine",
]


class Engine(Protocol):
    """Runs data frames: what a night needs besides their API."""

    name: Any
    functions: Any
    window: Any

    def __enter__(self) -> Self:
        """Return the engine."""

    def __exit__(self, *_: object) -> None:
        """Free what the engine holds."""

    def read(self, files: Sequence[Path], schema: pa.Schema) -> DataFrame:
        """Read Parquet files of one schema."""

    def read_in_order(self, files: Sequence[Path], schema: pa.Schema) -> DataFrame:
        """Read Parquet files so that `store` keeps the order of their rows, if it can."""

    def store(self, rows: DataFrame, folder: Path) -> list[Path]:
        """Write rows to uncompressed Parquet files in a new folder, for one read, and return these."""

    def stream_sorted(
        self, rows: DataFrame, schema: pa.Schema, key: Sequence[str], folder: Path, expected_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """Yield rows in the types of a schema, sorted by a key, nulls first.

        Args:
            rows: The rows, with at least the schema's columns.
            schema: Columns and types.
            key: Names of the columns to sort by.
            folder: A folder for temporary files; must not exist.
            expected_rows: About how many rows there are.
        """


class _Supplied:
    """Stands for what the engine in use supplies, a module of functions or a class."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __getattr__(self, name: str) -> Any:
        return getattr(_in_use[self._what], name)


# As PySpark's own functions, these use what was started last in the process: a night has one engine. Before
# one is started, columns can be built for DuckDB, which takes no session.
_in_use: dict[str, Any] = {"functions": duckdb_functions, "window": _DuckDBWindow}

if not TYPE_CHECKING:
    F, Window = _Supplied("functions"), _Supplied("window")
    Column = DataFrame = Any


def choose_engine(settings: Settings) -> Literal["duckdb", "spark"]:
    """Return the engine of validation and transforms: as set, else Spark where a cluster's master is set."""
    chosen = settings.transform.engine
    if chosen != "auto":
        return chosen
    return "duckdb" if settings.spark.master.startswith("local") else "spark"


def start_engine(settings: Settings, rows: int) -> Engine:
    """Start the engine of this night and let `F` and `Window` come from it.

    Args:
        settings: All settings.
        rows: About how many rows will be read; Spark is configured by it.
    """
    if choose_engine(settings) == "spark":
        from handpick.runtime.dataframes.spark_engine import SparkEngine
        from handpick.runtime.spark import get_spark_session

        return use_engine(SparkEngine(get_spark_session(settings, rows)))
    engine: Any = start_duckdb(settings)
    return use_engine(engine)


def start_duckdb(settings: Settings) -> DuckDBEngine:
    """Start DuckDB with the memory and threads that are set, also for SQL of a stage's own."""
    from handpick.runtime.dataframes.duckdb_engine import DuckDBEngine

    spill = settings.path(settings.warehouse.path).parent
    return DuckDBEngine(settings.transform.memory, settings.transform.threads, spill)


def use_engine(engine: Engine) -> Engine:
    """Let `F` and `Window` come from an engine, and return it."""
    _in_use.update(functions=engine.functions, window=engine.window)
    return engine

"""Writes the marts as partitions of the lake, sorted by their keys, and their ledger lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pyarrow.dataset as ds

from handpick.ledger.flows import Flow
from handpick.night import Night
from handpick.runtime.dataframes.duckdb_column import write_literal
from handpick.stages.warehouse.dbt_runner import WAREHOUSE_SCHEMA, WarehouseError, lock_warehouse

if TYPE_CHECKING:
    import duckdb

NIGHT_COLUMN = "logical_date"


@dataclass(frozen=True)
class Mart:
    """A mart of the warehouse.

    Args:
        name: Name of the dbt model.
        key: Columns that the partition is sorted by.
        is_by_night: Whether the warehouse's table has a column `logical_date`, of which a partition holds one
            value.
    """

    name: str
    key: tuple[str, ...]
    is_by_night: bool = False

    @property
    def table(self) -> str:
        """Name of the mart's table in the lake."""
        return f"marts/{self.name}"


MARTS = (
    Mart("dim_item", ("item_id",), is_by_night=True),
    Mart("dim_user", ("user_id",), is_by_night=True),
    Mart("fct_interactions", ("user_id", "occurred_at", "event_id"), is_by_night=True),
    Mart("fct_queries", ("query_id",), is_by_night=True),
    Mart("mart_user_activity", ("user_id",)),
    Mart("mart_user_activity_history", ("user_id", "event_timestamp")),
    Mart("mart_item_statistics", ("item_id",)),
    Mart("mart_item_pairs", ("item_id", "other_item_id")),
)
"""Marts that become partitions of the lake; the warehouse's ledger view stays in the warehouse."""


def write_marts(night: Night) -> tuple[Flow, ...]:
    """Write every mart's partition.

    Returns:
        Ledger lines with the rows of the clean tables as input and those of the marts as output.

    Raises:
        WarehouseError: If the warehouse was built for another night, or not at all.
    """
    rows = (_write_from_spark if night.settings.warehouse.target == "spark" else _write_from_duckdb)(night)
    interactions = _open_clean_table(night, "interactions")
    bots = interactions.count_rows(filter=pc.field("is_bot"))
    users, items = (
        _open_clean_table(night, "users").count_rows(),
        _open_clean_table(night, "items").count_rows(),
    )
    return (
        Flow("items", items, rows["dim_item"]),
        Flow("users", users, rows["dim_user"]),
        Flow("interactions", interactions.count_rows(), rows["fct_interactions"], {"bot": bots}),
        Flow("queries", _open_clean_table(night, "queries").count_rows(), rows["fct_queries"]),
        Flow("user activity", users, rows["mart_user_activity"]),
        Flow("item statistics", items, rows["mart_item_statistics"]),
    )


def _open_clean_table(night: Night, name: str) -> ds.Dataset:
    """Open tonight's partition of a clean table."""
    return ds.dataset(night.lake.partition(f"clean/{name}", night.logical_date), format="parquet")


def _write_from_duckdb(night: Night) -> dict[str, int]:
    """Write the partitions from the DuckDB file and return the rows written by mart."""
    import duckdb

    settings = night.settings.warehouse
    file = night.settings.path(settings.path)
    options = {"memory_limit": settings.memory, "threads": str(settings.threads)}
    with lock_warehouse(night.settings):
        try:
            # Read-only, so that other processes may read the file at the same time.
            db = duckdb.connect(str(file), read_only=True, config=dict(options))
        except duckdb.IOException as error:
            raise WarehouseError(
                f"the warehouse cannot be read: {str(error).splitlines()[0]} Tonight's marts were not "
                f"written. Close the program that has {file} open and run `handpick warehouse --date "
                f"{night.logical_date}`."
            ) from None
        with db:
            db.execute("SET TimeZone = 'UTC'")
            _check_logical_date(night, db)
            return {mart.name: _copy_mart(night, db, mart) for mart in MARTS}


def _check_logical_date(night: Night, db: duckdb.DuckDBPyConnection) -> None:
    """Refuse a warehouse that was built for another night."""
    import duckdb

    try:
        built = {
            day
            for (day,) in db.sql(
                f"SELECT DISTINCT as_of_date FROM {WAREHOUSE_SCHEMA}.mart_user_activity"  # noqa: S608 - names are declared by us, values are parameters
            ).fetchall()
        }
    except duckdb.CatalogException:
        built = {"no night"}
    # Without users the mart is empty and names no night: that is not an error.
    if built - {night.logical_date}:
        raise WarehouseError(
            f"the warehouse holds {', '.join(map(str, built))}, not {night.logical_date}: "
            f"run `handpick warehouse --date {night.logical_date}`."
        )


def _copy_mart(night: Night, db: duckdb.DuckDBPyConnection, mart: Mart) -> int:
    """Write one mart's partition from DuckDB and return the rows written."""
    columns, where = "*", ""
    if mart.is_by_night:
        columns, where = f"* EXCLUDE ({NIGHT_COLUMN})", f"WHERE {NIGHT_COLUMN} = DATE '{night.logical_date}'"
    query = f"SELECT {columns} FROM {WAREHOUSE_SCHEMA}.{mart.name} {where} ORDER BY {', '.join(mart.key)}"  # noqa: S608 - names are declared by us, values are parameters
    # COPY streams to the file: a mart may be larger than memory.
    with night.lake.replace_partition(mart.table, night.logical_date) as folder:
        target = write_literal(str(folder / "part-00000.parquet"))
        ((rows,),) = db.execute(f"COPY ({query}) TO {target} (FORMAT parquet, COMPRESSION zstd)").fetchall()
    return int(rows)


def _write_from_spark(night: Night) -> dict[str, int]:
    """Write the partitions from Spark's tables and return the rows written by mart."""
    from pyspark.sql import functions as F
    from pyspark.sql.pandas.types import to_arrow_schema

    from handpick.runtime.dataframes.spark_engine import SparkEngine
    from handpick.runtime.spark import get_spark_session
    from handpick.stages.transform.public import open_tables

    spark = get_spark_session(night.settings)
    tables = open_tables(night, SparkEngine(spark))
    written = {}
    for mart in MARTS:
        rows = spark.table(f"{WAREHOUSE_SCHEMA}.{mart.name}")
        if mart.is_by_night:
            rows = rows.where(F.col(NIGHT_COLUMN) == F.lit(night.logical_date)).drop(NIGHT_COLUMN)
        written[mart.name] = tables.write(
            mart.table, rows, to_arrow_schema(rows.schema, timezone="UTC"), *mart.key
        )
    return written

"""The marts as partitions of the lake, in the order of their keys, and the ledger of what went into them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.compute as pc
import pyarrow.dataset as ds

from handpick.lake.partitions import digest_of
from handpick.ledger.flows import Flow
from handpick.night import Night
from handpick.stages.warehouse.dbt import SCHEMA, WarehouseError, alone

if TYPE_CHECKING:
    import duckdb

NIGHT = "logical_date"


@dataclass(frozen=True)
class Mart:
    """One mart: its name, the columns that its rows are sorted by, and whether the warehouse keeps all nights of it."""

    name: str
    key: tuple[str, ...]
    is_by_night: bool = False

    @property
    def table(self) -> str:
        """The table in the lake."""
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


def write_marts(night: Night) -> tuple[Flow, ...]:
    """Write every mart's partition; the ledger's lines compare them with the clean tables.

    Raises:
        WarehouseError: If the warehouse was built for another night, or not at all.
    """
    rows = (_from_spark if night.settings.warehouse.target == "spark" else _from_duckdb)(night)
    interactions = _clean(night, "interactions")
    bots = interactions.count_rows(filter=pc.field("is_bot"))
    users, items = _clean(night, "users").count_rows(), _clean(night, "items").count_rows()
    return (
        Flow("items", items, rows["dim_item"]),
        Flow("users", users, rows["dim_user"]),
        Flow("interactions", interactions.count_rows(), rows["fct_interactions"], {"bot": bots}),
        Flow("queries", _clean(night, "queries").count_rows(), rows["fct_queries"]),
        Flow("user activity", users, rows["mart_user_activity"]),
        Flow("item statistics", items, rows["mart_item_statistics"]),
    )


def digest_of_marts(night: Night) -> str:
    """SHA-256 over all partitions."""
    total = hashlib.sha256()
    for mart in MARTS:
        total.update(digest_of(night.lake.partition(mart.table, night.logical_date)).encode())
    return total.hexdigest()


def _clean(night: Night, name: str) -> ds.Dataset:
    return ds.dataset(night.lake.partition(f"clean/{name}", night.logical_date), format="parquet")


def _from_duckdb(night: Night) -> dict[str, int]:
    """Write the partitions from the DuckDB file; rows written by mart."""
    import duckdb

    settings = night.settings.warehouse
    file = night.settings.path(settings.path)
    options = {"memory_limit": settings.memory, "threads": str(settings.threads)}
    with alone(night.settings):
        try:
            db = duckdb.connect(str(file), read_only=True, config=dict(options))
        except duckdb.IOException as error:
            raise WarehouseError(f"the warehouse cannot be read: {str(error).splitlines()[0]}") from None
        with db:
            db.execute("SET TimeZone = 'UTC'")
            _check_night(night, db)
            return {mart.name: _copied(night, db, mart) for mart in MARTS}


def _check_night(night: Night, db: duckdb.DuckDBPyConnection) -> None:
    """Refuse a warehouse that was built for another night."""
    import duckdb

    try:
        built = {
            day
            for (day,) in db.sql(f"SELECT DISTINCT as_of_date FROM {SCHEMA}.mart_user_activity").fetchall()
        }
    except duckdb.CatalogException:
        built = {"no night"}
    if built - {night.logical_date}:
        raise WarehouseError(
            f"the warehouse holds {', '.join(map(str, built))}, not {night.logical_date}: "
            f"run `handpick model --date {night.logical_date}`."
        )


def _copied(night: Night, db: duckdb.DuckDBPyConnection, mart: Mart) -> int:
    columns, where = "*", ""
    if mart.is_by_night:
        columns, where = f"* EXCLUDE ({NIGHT})", f"WHERE {NIGHT} = DATE '{night.logical_date}'"
    query = f"SELECT {columns} FROM {SCHEMA}.{mart.name} {where} ORDER BY {', '.join(mart.key)}"
    with night.lake.writing(mart.table, night.logical_date) as folder:
        target = _literal(folder / "part-00000.parquet")
        ((rows,),) = db.execute(f"COPY ({query}) TO {target} (FORMAT parquet, COMPRESSION zstd)").fetchall()
    return int(rows)


def _literal(file: Path) -> str:
    return "'" + str(file).replace("'", "''") + "'"


def _from_spark(night: Night) -> dict[str, int]:
    """Write the partitions from Spark's tables; rows written by mart."""
    from pyspark.sql import functions as F

    from handpick.runtime.spark import session
    from handpick.stages.transform.tables import Tables

    settings = night.settings
    spark = session(settings)
    tables = Tables(spark, night.lake, night.logical_date, settings.transform.rows_per_file)
    written = {}
    for mart in MARTS:
        rows = spark.table(f"{SCHEMA}.{mart.name}")
        if mart.is_by_night:
            rows = rows.where(F.col(NIGHT) == F.lit(night.logical_date)).drop(NIGHT)
        written[mart.name] = tables.write(mart.table, rows, rows.schema, *mart.key)
    return written

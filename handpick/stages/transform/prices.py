"""The history of price and stock: one row for every change."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, DoubleType, StringType, StructField, StructType, TimestampType

from handpick.stages.transform.catalog import in_shop_currency

SCHEMA = StructType(
    [
        StructField("item_id", StringType()),
        StructField("price", DoubleType()),
        StructField("is_in_stock", BooleanType()),
        StructField("valid_from", TimestampType()),
    ]
)


def states(catalog: DataFrame, currency: str, rates: Mapping[str, float]) -> DataFrame:
    """Rows of `SCHEMA`, one for each valid catalogue row, changed or not; prices in the shop's currency."""
    return catalog.select(
        "item_id",
        in_shop_currency(currency, rates).alias("price"),
        F.coalesce(F.col("in_stock"), F.lit(False)).alias("is_in_stock"),
        F.col("updated_at").alias("valid_from"),
        "_source_file",
        "_source_line",
    )


def changes(previous: DataFrame | None, tonight: DataFrame) -> DataFrame:
    """Rows of `SCHEMA`: what differs from the state before; a phone's first state counts, a row out of date does not.

    Args:
        previous: The last snapshot's `item_id, price, is_in_stock, updated_at`, or None on a first night.
        tonight: What `states` gave.
    """
    one = Window.partitionBy("item_id", "valid_from").orderBy(
        F.col("_source_file").desc(), F.col("_source_line").desc()
    )
    rows = (
        tonight.withColumn("_place", F.row_number().over(one))
        .where("_place = 1")
        .withColumn("_known", F.lit(0))
    )
    if previous is not None:
        known = previous.select(
            "item_id",
            "price",
            "is_in_stock",
            F.col("updated_at").alias("valid_from"),
            F.lit(1).alias("_known"),
        )
        rows = rows.unionByName(known, allowMissingColumns=True)
    since = F.max(F.when(F.col("_known") == 1, F.col("valid_from"))).over(Window.partitionBy("item_id"))
    current = rows.withColumn("_since", since).where("_since is null or valid_from >= _since")
    order = Window.partitionBy("item_id").orderBy("valid_from", F.col("_known").desc())
    state = F.struct("price", "is_in_stock")
    return (
        current.withColumn("_before", F.lag(state).over(order))
        .withColumn("_is_change", F.col("_before").isNull() | ~state.eqNullSafe(F.col("_before")))
        .where("_known = 0 and _is_change")
        .select(*SCHEMA.fieldNames())
    )

"""The history of price and stock: one row for every change of a phone's offer."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from handpick.runtime.dataframes import DataFrame, F, Window
from handpick.stages.transform.currency import convert_to_shop_currency
from handpick.stages.transform.first_rows import keep_first_row

PRICE_HISTORY_SCHEMA = pa.schema(
    [
        pa.field("item_id", pa.string()),
        pa.field("price", pa.float64()),
        pa.field("is_in_stock", pa.bool_()),
        pa.field("valid_from", pa.timestamp("us", tz="UTC")),
    ]
)


def select_offers(catalog: DataFrame, currency: str, rates: Mapping[str, float]) -> DataFrame:
    """Select price and stock of every valid catalogue row, changed or not; prices in the shop's currency.

    Args:
        catalog: Valid rows, in the columns of the `catalog` contract.
        currency: The shop's currency.
        rates: Units of the shop's currency for one unit of another.

    Returns:
        The columns of `PRICE_HISTORY_SCHEMA`, and the file and line of the row.
    """
    return catalog.select(
        "item_id",
        convert_to_shop_currency(currency, rates).alias("price"),
        F.coalesce(F.col("in_stock"), F.lit(False)).alias("is_in_stock"),
        F.col("updated_at").alias("valid_from"),
        "_source_file",
        "_source_line",
    )


def select_offer_changes(previous: DataFrame | None, tonight: DataFrame) -> DataFrame:
    """Select the offers that differ from the one before, in the columns of `PRICE_HISTORY_SCHEMA`.

    A phone's first offer counts as a change; a row older than the last snapshot does not.

    Args:
        previous: The last snapshot's `item_id, price, is_in_stock, updated_at`, or None on a first night.
        tonight: What `select_offers` returned.
    """
    # Two rows with the same timestamp: the later line of the later file wins, as it does in the catalogue.
    newest_line = (F.col("_source_file").desc(), F.col("_source_line").desc())
    rows = keep_first_row(tonight, ["item_id", "valid_from"], *newest_line).withColumn("_known", F.lit(0))
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
    # Of two offers with the same timestamp the known one comes first, so that tonight's is compared with it.
    order = Window.partitionBy("item_id").orderBy("valid_from", F.col("_known").desc())
    state = F.struct("price", "is_in_stock")
    return (
        current.withColumn("_before", F.lag(state).over(order))
        .withColumn("_is_change", F.col("_before").isNull() | ~state.eqNullSafe(F.col("_before")))
        .where("_known = 0 and _is_change")
        .select(*PRICE_HISTORY_SCHEMA.names)
    )

"""The catalogue as of one night: the newest row of every phone, normalized."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pyarrow as pa

from handpick.runtime.dataframes import DataFrame, F, Window
from handpick.stages.transform.currency import convert_to_shop_currency, get_stated_currency
from handpick.stages.transform.first_rows import keep_first_row
from handpick.stages.transform.item_columns import HASH_FIELD, MODEL_FIELDS, SPEC_FIELDS, add_item_columns
from handpick.stages.transform.text_expressions import clean_text

ITEM_SCHEMA = pa.schema(
    [
        pa.field("item_id", pa.string()),
        pa.field("title", pa.string()),
        pa.field("brand", pa.string()),
        *MODEL_FIELDS,
        pa.field("description", pa.string()),
        pa.field("price", pa.float64()),
        pa.field("currency_stated", pa.string()),
        pa.field("release_date", pa.date32()),
        pa.field("first_seen_date", pa.date32()),
        pa.field("is_in_stock", pa.bool_()),
        pa.field("image_path", pa.string()),
        *SPEC_FIELDS,
        pa.field("specs_raw", pa.string()),
        pa.field("updated_at", pa.timestamp("us", tz="UTC")),
        HASH_FIELD,
    ]
)


def normalize_catalog(
    catalog: DataFrame,
    logical_date: date,
    currency: str,
    rates: Mapping[str, float],
    spec_keys: Mapping[str, tuple[str, ...]],
) -> pa.Table:
    """Normalize the newest valid row of each phone into the columns of `ITEM_SCHEMA`, first seen tonight.

    Args:
        catalog: Valid rows, in the columns of the `catalog` contract.
        logical_date: Tonight.
        currency: The shop's currency, such as `EUR`; prices without a currency are in it.
        rates: Units of the shop's currency for one unit of another; a price in any other currency is unknown.
        spec_keys: By spec, the shop's own keys of it.
    """
    newest_line = (F.col(name).desc() for name in ("updated_at", "_source_file", "_source_line"))
    newest = keep_first_row(catalog, ["item_id"], *newest_line)
    cleaned = newest.select(
        "item_id",
        clean_text(F.col("title")).alias("title"),
        F.coalesce(
            clean_text(F.col("brand")), F.split_part(clean_text(F.col("title")), F.lit(" "), F.lit(1))
        ).alias("brand"),
        clean_text(F.col("description")).alias("description"),
        # A night that was validated by an earlier release has no such column.
        (clean_text(F.col("model_id")) if "model_id" in newest.columns else F.lit(None).cast("string")).alias(
            "model_id"
        ),
        convert_to_shop_currency(currency, rates).alias("price"),
        get_stated_currency(currency).alias("currency_stated"),
        F.col("release_date").cast("date").alias("release_date"),
        F.lit(logical_date).alias("first_seen_date"),
        F.coalesce(F.col("in_stock"), F.lit(False)).alias("is_in_stock"),
        F.nullif(F.trim("image_path"), F.lit("")).alias("image_path"),
        # Blank specs count as none; others are kept as they arrived, including blanks.
        F.when(clean_text(F.col("specs")).isNotNull(), F.col("specs")).alias("specs_raw"),
        "updated_at",
    )
    return add_item_columns(cleaned.toArrow(), spec_keys).select(ITEM_SCHEMA.names).cast(ITEM_SCHEMA)


def update_catalog_snapshot(previous: DataFrame | None, tonight: DataFrame) -> DataFrame:
    """Merge tonight's phones into the last snapshot.

    The row that the shop updated last wins, tonight's where both are equally new; `first_seen_date` keeps the
    earliest.

    Args:
        previous: The last night's `clean/items`, or None on a first night.
        tonight: What `normalize_catalog` returned.
    """
    if previous is None:
        return tonight
    both = previous.select(*ITEM_SCHEMA.names, F.lit(0).alias("_tonight")).unionByName(
        tonight.withColumn("_tonight", F.lit(1))
    )
    first = F.min("first_seen_date").over(Window.partitionBy("item_id"))
    merged = both.withColumn("first_seen_date", first)
    newest = keep_first_row(merged, ["item_id"], F.col("updated_at").desc(), F.col("_tonight").desc())
    return newest.select(*ITEM_SCHEMA.names)

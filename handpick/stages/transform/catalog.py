"""The catalogue as of one night: the newest row of every phone, normalized."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pyarrow as pa

from handpick.runtime.dataframes import Column, DataFrame, F, Window
from handpick.stages.transform import specs
from handpick.stages.transform.currency import convert_to_shop_currency, get_stated_currency
from handpick.stages.transform.text_expressions import clean_text

ITEM_SCHEMA = pa.schema(
    [
        pa.field("item_id", pa.string()),
        pa.field("title", pa.string()),
        pa.field("brand", pa.string()),
        pa.field("brand_key", pa.string()),
        pa.field("model_line", pa.string()),
        pa.field("generation", pa.int32()),
        pa.field("variant_group_id", pa.string()),
        pa.field("description", pa.string()),
        pa.field("price", pa.float64()),
        pa.field("currency_stated", pa.string()),
        pa.field("release_date", pa.date32()),
        pa.field("first_seen_date", pa.date32()),
        pa.field("is_in_stock", pa.bool_()),
        pa.field("image_path", pa.string()),
        *specs.SPEC_SCHEMA,
        pa.field("specs_raw", pa.string()),
        pa.field("updated_at", pa.timestamp("us", tz="UTC")),
        pa.field("content_hash", pa.string()),
    ]
)

VERSION_WORDS = (
    r"(?i)\(.*?\)|\b\d+(?:\s*/\s*\d+)*\s*(?:[GT]B|MB)(?:\s*RAM)?\b|"
    r"\b(?:[2345]G|LTE|Wi-?Fi|Dual SIM|Duos|NFC)\b|[,/|].*$"
)
"""Parts of a title that distinguish variants of a phone: memory, radio, SIM, all after a comma or slash."""

COLOR_WORDS = (
    r"(?i)\b(?:black|white|gr[ae]y|silver|gold|blue|green|red|pink|purple|yellow|orange|brown|graphite|midnight|"
    r"violet|bronze|copper|mint|coral|lavender|cream|navy)$"
)
"""A colour at the end of a title, which distinguishes variants too."""
ROMAN_NUMERALS = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")


def normalize_catalog(
    catalog: DataFrame, logical_date: date, currency: str, rates: Mapping[str, float]
) -> DataFrame:
    """Normalize the newest valid row of each phone into the columns of `ITEM_SCHEMA`, first seen tonight.

    Args:
        catalog: Valid rows, in the columns of the `catalog` contract.
        logical_date: Tonight.
        currency: The shop's currency, such as `EUR`; prices without a currency are in it.
        rates: Units of the shop's currency for one unit of another; a price in any other currency is unknown.
    """
    newest = _keep_first_row(
        catalog, F.col("updated_at").desc(), F.col("_source_file").desc(), F.col("_source_line").desc()
    )
    # Blank specs count as none; others are kept as they arrived, including blanks.
    raw = F.when(clean_text(F.col("specs")).isNotNull(), F.col("specs"))
    cleaned = newest.select(
        "item_id",
        clean_text(F.col("title")).alias("title"),
        F.coalesce(
            clean_text(F.col("brand")), F.split_part(clean_text(F.col("title")), F.lit(" "), F.lit(1))
        ).alias("brand"),
        clean_text(F.col("description")).alias("description"),
        convert_to_shop_currency(currency, rates).alias("price"),
        get_stated_currency(currency).alias("currency_stated"),
        F.col("release_date").cast("date").alias("release_date"),
        F.lit(logical_date).alias("first_seen_date"),
        F.coalesce(F.col("in_stock"), F.lit(False)).alias("is_in_stock"),
        F.nullif(F.trim("image_path"), F.lit("")).alias("image_path"),
        raw.alias("specs_raw"),
        specs.normalize_keys(F.from_json(raw, "map<string,string>")).alias("specs"),
        "updated_at",
    )
    return add_model_columns(add_specs(cleaned)).select(*ITEM_SCHEMA.names)


def add_specs(items: DataFrame) -> DataFrame:
    """Add the columns of `specs.SPEC_SCHEMA`, parsed from the column `specs` (`map<string,string>`).

    Each step is a projection of its own, so that no regular expression is evaluated twice.
    """
    texts = items.withColumn(
        "_raw", F.struct(*(text.alias(name) for name, text in specs.join_texts(F.col("specs")).items()))
    )
    raw = {name: F.col("_raw")[name] for name in specs.SPEC_KEYS}
    inches = texts.withColumn("display_inches", specs.parse_display_inches(raw["display"]))
    figured = inches.withColumns(
        specs.parse_numbers(raw, F.col("display_inches")) | specs.parse_categories(raw)
    )
    columns = {name: F.col(name) for name in (*specs.NUMERIC_SPECS, *specs.CATEGORICAL_SPECS)}
    return figured.withColumns(
        {"color_tags": specs.parse_colors(raw["colors"]), "spec_tags": specs.derive_tags(raw, columns)}
    ).drop("_raw")


def add_model_columns(items: DataFrame) -> DataFrame:
    """Add brand key, model line, generation, variant group and content hash, derived from brand and title.

    The variant group joins variants that differ in memory, radio, SIM or colour: it is the brand and what is
    left of the title without those words. The model line is that rest without the generation's number.
    """
    brand_key = F.nullif(F.regexp_replace(F.lower("brand"), r"[^\p{L}\p{N}]+", ""), F.lit(""))
    without_brand = F.when(
        F.lower("title").startswith(F.concat(F.lower("brand"), F.lit(" "))),
        F.substring("title", F.length("brand") + 2, F.lit(1000)),
    ).otherwise(F.col("title"))
    versionless = clean_text(F.regexp_replace(without_brand, VERSION_WORDS, " "))
    model = F.coalesce(clean_text(F.regexp_replace(versionless, COLOR_WORDS, "")), versionless, without_brand)
    # A Roman numeral counts only where something precedes it: `X` alone is a name, `Xperia 1 V` is the fifth.
    roman = F.regexp_extract("_model", r"\b(X|IX|VI{0,3}|IV|I{1,3})$", 1)
    digits = F.regexp_extract("_model", r"(?:^|\s|[A-Za-z-])(\d{1,2})(?!\d)", 1).try_cast("int")
    has_roman = (roman != "") & (F.length("_model") > F.length(roman))
    generation = F.when(
        has_roman, F.array_position(F.array(*map(F.lit, ROMAN_NUMERALS)), roman).cast("int")
    ).otherwise(digits)
    rest = F.when(has_roman, F.regexp_replace("_model", r"\s*\b[XVI]+$", "")).otherwise(
        F.regexp_replace("_model", r"(?<![^\sA-Za-z-])\d{1,2}(?!\d)", " ")
    )
    slug = F.regexp_replace(F.lower("_model"), r"[^\p{L}\p{N}+]+", "-")
    return (
        items.withColumns({"brand_key": brand_key, "_model": model})
        .withColumns(
            {
                "generation": generation,
                "model_line": F.coalesce(clean_text(rest), F.col("_model")),
                "variant_group_id": F.concat_ws("-", "brand_key", slug),
                "content_hash": hash_content(),
            }
        )
        .drop("_model")
    )


def hash_content() -> Column:
    """Return the SHA-256 of the texts that are encoded as vectors: title, brand, description, raw specs."""
    # The unit separator occurs in no field, so moving a word from one field to the next changes the hash.
    parts = (F.coalesce(F.col(name), F.lit("")) for name in ("title", "brand", "description", "specs_raw"))
    return F.sha2(F.concat_ws("\x1f", *parts), 256)


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
    return _keep_first_row(merged, F.col("updated_at").desc(), F.col("_tonight").desc()).select(
        *ITEM_SCHEMA.names
    )


def _keep_first_row(rows: DataFrame, *order: Column) -> DataFrame:
    """Keep each phone's first row in an order."""
    place = F.row_number().over(Window.partitionBy("item_id").orderBy(*order))
    return rows.withColumn("_place", place).where("_place = 1").drop("_place")

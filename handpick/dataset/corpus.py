"""The content of the marts that encoders read: items, queries, their texts and their spec sheets."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from handpick.errors import MissingPartition
from handpick.lake.partitions import Lake
from handpick.night import Night

NUMERIC_FIELDS = (
    "display_inches", "battery_mah", "weight_g", "main_camera_mp", "selfie_camera_mp", "ram_gb", "storage_gb",
    "thickness_mm", "refresh_hz", "charging_w", "ppi", "price",
)  # fmt: skip
"""Numeric specifications; each is encoded as its logarithm, so that a doubling is the same step on any
scale."""
CATEGORICAL_FIELDS = ("os", "chipset", "network", "display_type", "sim", "build", "brand")
TAG_FIELDS = ("color_tags", "spec_tags")
ITEM_CONTENT_COLUMNS = (
    "item_id", "content_hash", "title", "brand", "description", "image_path",
    *(name for name in (*NUMERIC_FIELDS, *CATEGORICAL_FIELDS, *TAG_FIELDS) if name != "brand"),
)  # fmt: skip
"""Columns of `marts/dim_item` that encoders read; `brand` is already among the text columns."""
QUERY_CONTENT_COLUMNS = ("query_id", "user_id", "text", "image_path", "audio_path", "occurred_at")
"""Columns of `marts/fct_queries` that encoders read."""

Row = dict[str, Any]


def find_newest_marts(lake: Lake) -> date:
    """Return the newest logical date whose marts are built.

    Raises:
        MissingPartition: If no marts are built yet.
    """
    dates = lake.list_dates("marts/dim_item")
    if not dates:
        raise MissingPartition(
            "There are no marts to learn from yet: run a night first, with `handpick run`."
        )
    return dates[-1]


def read_items(night: Night) -> pa.Table:
    """Return the content columns of all items as of the night, sorted by `item_id`.

    Raises:
        MissingPartition: If the warehouse has not been built for this logical date.
    """
    return night.lake.read("marts/dim_item", night.logical_date, list(ITEM_CONTENT_COLUMNS)).sort_by(
        "item_id"
    )


def read_queries(night: Night) -> pa.Table:
    """Return the content columns of all queries up to and including the night, one row a `query_id`, sorted by it.

    Raises:
        MissingPartition: If the warehouse has not been built for this logical date.
    """
    rows = night.lake.read_through("marts/fct_queries", night.logical_date, list(QUERY_CONTENT_COLUMNS))
    # A query may be in several partitions (a source delivered it again); the first one is kept.
    _, firsts = np.unique(rows["query_id"].to_numpy(zero_copy_only=False).astype(str), return_index=True)
    return rows.take(pa.array(firsts))


def format_item_text(row: Row) -> str:
    """Return an item's text for text encoders: title, description and spec tags, joined by full stops."""
    tags = ", ".join(tag.replace("-", " ") for tag in row.get("spec_tags") or ())
    parts = (row.get("title"), row.get("description"), tags)
    return ". ".join(part.strip().rstrip(".") for part in parts if part and part.strip())


def build_spec_sheet(row: Row) -> Row:
    """Return an item's spec sheet for `SpecsEncoder`: logarithms of numbers, categories, lists of tags.

    A number that is missing, infinite or not positive becomes None.
    """
    sheet = {name: row.get(name) for name in (*CATEGORICAL_FIELDS, *TAG_FIELDS)}
    for name in NUMERIC_FIELDS:
        value = row.get(name)
        sheet[name] = math.log(value) if value is not None and 0 < value < math.inf else None
    return sheet


def serialize_spec_sheet(sheet: Row) -> str:
    """Return a spec sheet as canonical JSON: equal sheets give equal text."""
    return json.dumps(sheet, sort_keys=True, ensure_ascii=False)


def hash_text(text: str) -> str:
    """Return the content key of a text: 24 hex digits of its BLAKE2b digest."""
    # Titles come from outside: `surrogatepass` also hashes text that is not valid Unicode.
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()

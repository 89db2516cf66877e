"""Texts and spec sheets of items, as the encoders read them."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

NUMERIC_FIELDS = (
    "display_inches", "battery_mah", "weight_g", "main_camera_mp", "selfie_camera_mp", "ram_gb", "storage_gb",
    "thickness_mm", "refresh_hz", "charging_w", "ppi", "price",
)  # fmt: skip
"""Numeric specifications; each is encoded as its logarithm, so that a doubling is the same step on any
scale."""
CATEGORICAL_FIELDS = ("os", "chipset", "network", "display_type", "sim", "build", "brand")
TAG_FIELDS = ("color_tags", "spec_tags")
Row = dict[str, Any]


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

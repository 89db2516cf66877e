"""Columns of `clean/items` that are derived from texts: the model, the specs, a hash of the content.

Plain Python over Arrow columns, so that every engine derives the same; a catalogue is small.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from handpick.stages.transform.model_names import read_model_name
from handpick.stages.transform.specs import CATEGORICAL_SPECS, NUMERIC_SPECS, load_sheet, read_specs
from handpick.stages.transform.specs.reader import find_single_color

MODEL_FIELDS = (
    pa.field("brand_key", pa.string()),
    pa.field("model_line", pa.string()),
    pa.field("generation", pa.int32()),
    pa.field("variant_group_id", pa.string()),
)
SPEC_FIELDS = (
    *(pa.field(name, pa.float64()) for name in NUMERIC_SPECS),
    *(pa.field(name, pa.string()) for name in CATEGORICAL_SPECS),
    *(pa.field(name, pa.list_(pa.string())) for name in ("color_tags", "spec_tags")),
)
HASH_FIELD = pa.field("content_hash", pa.string())


def add_item_columns(items: pa.Table, keys: Mapping[str, tuple[str, ...]]) -> pa.Table:
    """Add the columns of `MODEL_FIELDS`, `SPEC_FIELDS` and `content_hash`.

    Args:
        items: Phones with `title`, `brand`, `description` and `specs_raw`, and `model_id` if the shop has it.
        keys: By spec, the shop's own keys of it.
    """
    given = [name for name in ("model_id",) if name in items.column_names]
    texts = items.select(["title", "brand", "description", "specs_raw", *given]).to_pylist()
    derived = [_derive(row, keys) for row in texts]
    for field in (*MODEL_FIELDS, *SPEC_FIELDS, HASH_FIELD):
        items = items.append_column(field, pa.array([row[field.name] for row in derived], field.type))
    return items


def _derive(row: Mapping[str, str | None], keys: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """Derive one phone's columns."""
    title, brand = row["title"] or "", row["brand"] or ""
    sheet = load_sheet(row["specs_raw"])
    model = read_model_name(title, brand, find_single_color(sheet))
    return {
        **read_specs(sheet, title, row["description"] or "", keys),
        "brand_key": model.brand_key or None,
        "model_line": model.line,
        "generation": model.generation,
        # What the shop says of its models goes before what titles say; no key of a title has a colon.
        "variant_group_id": f"id:{given}" if (given := row.get("model_id")) else model.key,
        "content_hash": hash_content(row),
    }


def hash_content(row: Mapping[str, str | None]) -> str:
    """Return the SHA-256 of the texts that are encoded as vectors: title, brand, description, raw specs."""
    # The unit separator occurs in no field, so moving a word from one field to the next changes the hash.
    joined = "\x1f".join(row[name] or "" for name in ("title", "brand", "description", "specs_raw"))
    return hashlib.sha256(joined.encode()).hexdigest()

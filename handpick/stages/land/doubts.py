"""Doubts about how a file was read, which travel with its table to the check and the night's notes."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pyarrow as pa

DOUBTS_KEY = b"doubts"


def add_doubts(rows: pa.Table, doubts: Sequence[str]) -> pa.Table:
    """Return the table with more doubts, each a part of a sentence that begins with the file's name."""
    if not doubts:
        return rows
    told = json.dumps([*read_doubts(rows), *doubts], ensure_ascii=False)
    return rows.replace_schema_metadata({DOUBTS_KEY: told.encode()})


def read_doubts(rows: pa.Table) -> list[str]:
    """Return the doubts about a table, in the order in which they came up."""
    found: list[str] = json.loads((rows.schema.metadata or {}).get(DOUBTS_KEY, b"[]"))
    return found

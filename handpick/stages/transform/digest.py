"""One digest of several partitions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date

from handpick.lake.partitions import Lake, digest_of


def digest_of_tables(lake: Lake, tables: Iterable[str], logical_date: date) -> str:
    """SHA-256 over the bytes of tonight's partitions of these tables, in order."""
    total = hashlib.sha256()
    for table in tables:
        total.update(digest_of(lake.partition(table, logical_date)).encode())
    return total.hexdigest()

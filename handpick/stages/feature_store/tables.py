"""`features/users` and `features/items`: what is known as of tonight, one row for each."""

from __future__ import annotations

import hashlib

import pyarrow as pa

from handpick.dataset.feature_columns import COUNTS, ITEM_COLUMNS, USER_COLUMNS
from handpick.lake.partitions import digest_of
from handpick.ledger.flows import Flow
from handpick.night import Night


def users(night: Night) -> Flow:
    """Write `features/users` from `marts/mart_user_activity`."""
    return _write(night, "users", "marts/mart_user_activity", "user_id", USER_COLUMNS)


def items(night: Night) -> Flow:
    """Write `features/items` from `marts/mart_item_statistics`."""
    return _write(night, "items", "marts/mart_item_statistics", "item_id", ITEM_COLUMNS)


def digest(night: Night) -> str:
    """SHA-256 over the three tables that later stages read."""
    total = hashlib.sha256()
    for table in ("features/users", "features/items", "features/training"):
        total.update(digest_of(night.lake.partition(table, night.logical_date)).encode())
    return total.hexdigest()


def _write(night: Night, source: str, mart: str, key: str, columns: dict[str, pa.DataType]) -> Flow:
    rows = night.lake.read(mart, night.logical_date, [key, *columns]).sort_by(key)
    schema = pa.schema([(key, pa.string()), *columns.items()])
    arrays = [rows.column(key).cast(pa.string())]
    for name, kind in columns.items():
        values = rows.column(name).cast(kind)
        arrays.append(values.fill_null(0) if name in COUNTS else values)
    night.lake.write(f"features/{source}", night.logical_date, pa.table(arrays, schema=schema))
    return Flow(source, rows.num_rows, rows.num_rows)

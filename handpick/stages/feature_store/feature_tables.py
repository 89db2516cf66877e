"""Writes `features/users` and `features/items`: features as of tonight, one row per user and per phone."""

from __future__ import annotations

import pyarrow as pa

from handpick.dataset.feature_columns import COUNT_COLUMNS, ITEM_COLUMNS, USER_COLUMNS
from handpick.ledger.flows import Flow
from handpick.night import Night


def write_user_features(night: Night) -> Flow:
    """Write `features/users` from `marts/mart_user_activity`."""
    return _write_features(night, "users", "marts/mart_user_activity", "user_id", USER_COLUMNS)


def write_item_features(night: Night) -> Flow:
    """Write `features/items` from `marts/mart_item_statistics`."""
    return _write_features(night, "items", "marts/mart_item_statistics", "item_id", ITEM_COLUMNS)


def _write_features(night: Night, source: str, mart: str, key: str, columns: dict[str, pa.DataType]) -> Flow:
    """Write the feature columns of a mart, sorted by key; counts that are null become 0."""
    rows = night.lake.read(mart, night.logical_date, [key, *columns]).sort_by(key)
    schema = pa.schema([(key, pa.string()), *columns.items()])
    arrays = [rows.column(key).cast(pa.string())]
    for name, kind in columns.items():
        values = rows.column(name).cast(kind)
        arrays.append(values.fill_null(0) if name in COUNT_COLUMNS else values)
    night.lake.write(f"features/{source}", night.logical_date, pa.table(arrays, schema=schema))
    return Flow(source, rows.num_rows, rows.num_rows)

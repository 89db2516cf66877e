"""Names and Arrow types of the feature tables' columns, from the feature repository's declarations."""

from __future__ import annotations

import pyarrow as pa

from features.columns import AT_SCORING, ITEM_STATISTICS, USER_ACTIVITY

LAST_ACTIVE_COLUMN = "last_active_at"
"""Stored instead of days since the last event, which would change every night for every user; the days are
computed."""

FEATURE_ARROW_TYPES = {"Int64": pa.int64(), "Float64": pa.float64()}
"""Arrow types by the names of the feature repository's types."""

USER_COLUMNS: dict[str, pa.DataType] = {
    **{
        column.name: FEATURE_ARROW_TYPES[column.kind]
        for column in USER_ACTIVITY
        if column.name != LAST_ACTIVE_COLUMN
    },
    "days_since_last_event": pa.int64(),
}
"""Columns of `features/users` after `user_id`, and of `features/training` after its keys."""

ITEM_COLUMNS: dict[str, pa.DataType] = {
    **{column.name: FEATURE_ARROW_TYPES[column.kind] for column in ITEM_STATISTICS},
    "days_on_sale": pa.int64(),
}
"""Columns of `features/items` after `item_id`."""

PAIR_COLUMNS: dict[str, pa.DataType] = {
    column.name: pa.float64() for column in AT_SCORING if column.name not in USER_COLUMNS
}
"""Columns of `features/training` that depend on user and item."""

COUNT_COLUMNS = tuple(name for name in USER_COLUMNS if "_count_" in name)
"""User columns that are 0 instead of null for a user without events."""

TRAINING_SCHEMA = pa.schema(
    [
        ("event_id", pa.string()),
        ("user_id", pa.string()),
        ("item_id", pa.string()),
        ("event_timestamp", pa.timestamp("us", "UTC")),
        *USER_COLUMNS.items(),
        *PAIR_COLUMNS.items(),
    ]
)
"""Columns of `features/training`: keys, then user features and pair features as of the event."""

"""The columns that every reader adds, and the rows that it could not parse."""

from __future__ import annotations

import pyarrow as pa

RAW_COLUMN, LINE_COLUMN = "_raw", "_source_line"
"""Text of a row that could not be parsed, null for others; and the line of the row in its file."""


def append_unparsable(rows: pa.Table, broken: list[tuple[int, str]]) -> pa.Table:
    """Append the rows that could not be parsed, given as line and text, with their text in `_raw`."""
    if not broken:
        return rows
    raw = pa.table(
        {
            RAW_COLUMN: pa.array([text for _, text in broken], pa.string()),
            LINE_COLUMN: pa.array([number for number, _ in broken], pa.int64()),
        }
    )
    return pa.concat_tables([rows, raw], promote_options="default")

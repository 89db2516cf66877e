"""What the readers of every format share: names of the origin columns, and rows that could not be parsed."""

from __future__ import annotations

import pyarrow as pa

RAW, LINE = "_raw", "_source_line"


def with_broken(rows: pa.Table, broken: list[tuple[int, str]]) -> pa.Table:
    """The rows, and behind them those that could not be parsed, their text in `_raw`."""
    if not broken:
        return rows
    raw = pa.table(
        {
            RAW: pa.array([text for _, text in broken], pa.string()),
            LINE: pa.array([number for number, _ in broken], pa.int64()),
        }
    )
    return pa.concat_tables([rows, raw], promote_options="default")

"""Parquet: every column as text."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from handpick.errors import InputError
from handpick.stages.land.rows import LINE, RAW

MAGIC = b"PAR1"


def read_parquet(path: Path) -> pa.Table:
    """Every row as text with its number.

    Raises:
        InputError: If the file is not Parquet, or was cut off.
    """
    with path.open("rb") as stream:
        if stream.read(4) != MAGIC:
            raise InputError(f"{path} is named like Parquet but is not; nothing was landed tonight.")
    rows = pq.ParquetFile(path).read()
    names = [name for name in rows.column_names if name not in (RAW, LINE)]
    table = pa.table([_as_text(rows.column(name)) for name in names], names=names)
    return table.append_column(LINE, pa.array(range(1, rows.num_rows + 1), pa.int64()))


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_timestamp(column.type):
        return (
            pc.strftime(column.cast(pa.timestamp("us", column.type.tz)), format="%Y-%m-%dT%H:%M:%S%z")
            if (column.type.tz not in (None, "UTC"))
            else column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.string())
        )
    if pa.types.is_nested(column.type):
        return _each(column, lambda value: json.dumps(_plain(value), ensure_ascii=False, default=str))
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return _each(column, lambda value: value.decode("utf-8", errors="replace"))
    try:
        return column.cast(pa.string())
    except pa.ArrowException:
        return _each(column, str)


def _each(column: pa.ChunkedArray, text) -> pa.ChunkedArray:  # type: ignore[no-untyped-def]
    texts = [None if value is None else text(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _plain(value: object) -> object:
    """Arrow's pairs of a map as a dict, without the empty ones of a struct."""
    if (
        isinstance(value, list)
        and value
        and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value)
    ):
        return dict(value)
    return value

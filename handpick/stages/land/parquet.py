"""Reads Parquet files of any schema, every column as text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from handpick.errors import InputError
from handpick.stages.land.unparsable_rows import LINE_COLUMN, RAW_COLUMN

PARQUET_MAGIC = b"PAR1"


def read_parquet(path: Path) -> pa.Table:
    """Read every row as text, with its number from 1 as `_source_line`.

    Raises:
        InputError: If the file does not begin as Parquet does.
        ArrowException: If it was cut off or is damaged.
    """
    with path.open("rb") as stream:
        if stream.read(4) != PARQUET_MAGIC:
            raise InputError(f"{path} is named like Parquet but is not; nothing was landed tonight.")
    rows = pq.ParquetFile(path).read()
    names = [name for name in rows.column_names if name not in (RAW_COLUMN, LINE_COLUMN)]
    table = pa.table([_format_column(rows.column(name)) for name in names], names=names)
    return table.append_column(LINE_COLUMN, pa.array(range(1, rows.num_rows + 1), pa.int64()))


def _format_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Format a column of any type as text: times in ISO form, nested values as JSON, bytes as UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    # Times of another zone than UTC keep their offset.
    if pa.types.is_timestamp(column.type):
        return (
            pc.strftime(column.cast(pa.timestamp("us", column.type.tz)), format="%Y-%m-%dT%H:%M:%S%z")
            if (column.type.tz not in (None, "UTC"))
            else column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.string())
        )
    if pa.types.is_nested(column.type):
        return _format_each(
            column, lambda value: json.dumps(_convert_map(value), ensure_ascii=False, default=str)
        )
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return _format_each(column, lambda value: value.decode("utf-8", errors="replace"))
    try:
        return column.cast(pa.string())
    except pa.ArrowException:
        return _format_each(column, str)


def _format_each(column: pa.ChunkedArray, form: Callable[[Any], str]) -> pa.ChunkedArray:
    """Format each value of a column with a function; nulls stay null."""
    texts = [None if value is None else form(value) for value in column.to_pylist()]
    return pa.chunked_array([pa.array(texts, pa.string())])


def _convert_map(value: object) -> object:
    """Return the key-value pairs that Arrow gives for a map as a dict, and any other value unchanged."""
    if (
        isinstance(value, list)
        and value
        and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value)
    ):
        return dict(value)
    return value

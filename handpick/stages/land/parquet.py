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
from handpick.stages.land.csv_dialect import make_distinct
from handpick.stages.land.unparsable_rows import LINE_COLUMN

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
    table = pa.table(
        [_format_column(column) for column in rows.columns], names=make_distinct(rows.column_names)
    )
    return table.append_column(LINE_COLUMN, pa.array(range(1, rows.num_rows + 1), pa.int64()))


def _format_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Format a column of any type as text: times in ISO form, nested values as JSON, bytes as UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_timestamp(column.type):
        # Nanoseconds are cut to microseconds, which is all that the lake keeps.
        micros = column.cast(pa.timestamp("us", column.type.tz), safe=False)
        # Times of another zone than UTC keep their offset.
        has_offset = column.type.tz not in (None, "UTC")
        return pc.strftime(micros, format="%Y-%m-%dT%H:%M:%S%z") if has_offset else micros.cast(pa.string())
    if pa.types.is_floating(column.type):
        return _format_floats(column)
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


def _format_floats(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Format floats, integers among them without exponent: a long article number must keep its digits.

    NaN is how tables without nulls write an empty value. Integers beyond 2^53 keep their exponent, as their
    last digits are lost.
    """
    wide = column.cast(pa.float64())
    wide = pc.if_else(pc.is_nan(wide), pa.scalar(None, pa.float64()), wide)
    is_whole = pc.fill_null(pc.and_(pc.equal(pc.floor(wide), wide), pc.less(pc.abs(wide), 2.0**53)), False)
    whole = pc.if_else(is_whole, wide, 0.0).cast(pa.int64()).cast(pa.string())
    whole = pc.binary_join_element_wise(whole, ".0", "")
    # From the column's own width: a float32 of 12.3 is 12.300000190734863 as a float64.
    return pc.if_else(is_whole, whole, pc.if_else(pc.is_valid(wide), column.cast(pa.string()), None))


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

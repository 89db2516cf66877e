"""Arrow rows as PostgreSQL's binary COPY format, at memory speed.

Format: https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY-FORMAT. A row is the number of its
fields (int16) and each field as its length in bytes (int32, -1 for null) and its value, all big-endian.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numba
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from handpick.serving.relations import Relation

HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
TRAILER = b"\xff\xff"
BATCH_ROWS = 65_536
POSTGRES_EPOCH_DAYS = 10_957
"""2000-01-01 in days since 1970."""

TYPES: dict[str, tuple[pa.DataType, str | None]] = {
    "text": (pa.large_string(), None),
    "smallint": (pa.int16(), ">i2"),
    "real": (pa.float32(), ">f4"),
    "double precision": (pa.float64(), ">f8"),
    "boolean": (pa.bool_(), ">u1"),
    "date": (pa.int32(), ">i4"),
}
"""Per SQL type: the Arrow type that values are cast to, and their big-endian form (None: bytes as they are)."""


def copy_stream(rows: pa.Table, relation: Relation) -> Iterator[bytes | memoryview]:
    """The whole COPY stream in pieces: header, batches of rows, trailer."""
    yield HEADER
    for batch in rows.select(relation.column_names).to_batches(max_chunksize=BATCH_ROWS):
        if batch.num_rows:
            yield _encoded(batch, relation)
    yield TRAILER


def _encoded(batch: pa.RecordBatch, relation: Relation) -> memoryview:
    """The rows of one batch."""
    fields = [_field(batch.column(at), column.sql) for at, column in enumerate(relation.columns)]
    lengths = np.full(batch.num_rows, 2, np.int64)
    for present, starts, _ in fields:
        lengths += 4 + np.where(present, starts[1:] - starts[:-1], 0)
    ends = np.cumsum(lengths)
    out = np.empty(int(ends[-1]), np.uint8)
    cursor = ends - lengths
    _write_count(out, cursor, len(fields))
    for present, starts, data in fields:
        _write_field(out, cursor, present, starts, data)
    return memoryview(out)  # type: ignore[arg-type]  # numpy arrays are buffers


def _field(values: pa.Array, sql_type: str) -> tuple[NDArray[np.bool_], NDArray[np.int64], NDArray[np.uint8]]:
    """Which values are present, where each starts in the bytes (`n + 1` offsets), and the bytes."""
    target, form = TYPES[sql_type]
    present = values.is_valid().to_numpy(zero_copy_only=False)
    if form is None:
        array: Any = values.cast(target)
        offsets = np.frombuffer(array.buffers()[1], np.int64)[array.offset : array.offset + len(array) + 1]
        data = array.buffers()[2]
        content = np.zeros(1, np.uint8) if data is None or not data.size else np.frombuffer(data, np.uint8)
        return present, offsets, content
    whole = (
        values.cast(target).fill_null(False if sql_type == "boolean" else 0).to_numpy(zero_copy_only=False)
    )
    if sql_type == "date":
        whole = whole - POSTGRES_EPOCH_DAYS
    swapped = np.ascontiguousarray(whole.astype(form))
    width = swapped.dtype.itemsize
    return present, np.arange(len(swapped) + 1, dtype=np.int64) * width, swapped.view(np.uint8)


@numba.njit(cache=True, nogil=True)
def _write_count(out: Any, cursor: Any, fields: int) -> None:
    """Begin each row with the number of its fields."""
    for row in range(len(cursor)):
        at = cursor[row]
        out[at] = fields >> 8
        out[at + 1] = fields & 255
        cursor[row] = at + 2


@numba.njit(cache=True, nogil=True)
def _write_field(out: Any, cursor: Any, present: Any, starts: Any, data: Any) -> None:
    """Append one field to each row."""
    for row in range(len(cursor)):
        at = cursor[row]
        start = starts[row]
        length = starts[row + 1] - start
        if not present[row]:
            out[at : at + 4] = 255
            cursor[row] = at + 4
            continue
        out[at] = (length >> 24) & 255
        out[at + 1] = (length >> 16) & 255
        out[at + 2] = (length >> 8) & 255
        out[at + 3] = length & 255
        for byte in range(length):
            out[at + 4 + byte] = data[start + byte]
        cursor[row] = at + 4 + length

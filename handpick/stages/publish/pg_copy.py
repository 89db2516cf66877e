"""Encodes Arrow rows in PostgreSQL's binary COPY format.

Format: https://www.postgresql.org/docs/current/sql-copy.html#SQL-COPY-BINARY-FORMAT. A row is the number of
its fields (int16) and each field as its length in bytes (int32, -1 for null) and its value, all big-endian.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numba
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from handpick.serving.relations import Relation
from handpick.stages.publish.unaligned_io import copy_bytes

COPY_HEADER = b"PGCOPY\n\xff\r\n\x00" + bytes(8)
COPY_TRAILER = b"\xff\xff"
BATCH_ROWS = 16_384
PADDING_BYTES = 12
"""Bytes behind the rows of a batch that `fingerprint` may read past the end of the last value."""
POSTGRES_EPOCH_DAYS = 10_957
"""2000-01-01, from which PostgreSQL counts dates, in days since 1970-01-01."""

COPY_TYPES: dict[str, tuple[pa.DataType, str | None]] = {
    "text": (pa.large_string(), None),
    "smallint": (pa.int16(), ">i2"),
    "real": (pa.float32(), ">f4"),
    "double precision": (pa.float64(), ">f8"),
    "boolean": (pa.bool_(), ">u1"),
    "date": (pa.int32(), ">i4"),
}
"""By SQL type: the Arrow type to cast to, and numpy's big-endian type (None for bytes as they are)."""


class EncodedBatch(NamedTuple):
    """Encoded rows.

    Args:
        rows: Number of rows.
        padded: `(bytes + PADDING_BYTES,) uint8` the rows, then zeros.
    """

    rows: int
    padded: NDArray[np.uint8]

    @property
    def payload(self) -> memoryview:
        """The rows' bytes, without the padding."""
        return memoryview(self.padded)[:-PADDING_BYTES]  # type: ignore[arg-type]  # numpy arrays are buffers


def encode_batches(rows: pa.Table, relation: Relation) -> Iterator[EncodedBatch]:
    """Encode rows in batches, which are sent between `COPY_HEADER` and `COPY_TRAILER`.

    Args:
        rows: Prepared rows.
        relation: Their columns.
    """
    for batch in rows.select(relation.column_names).to_batches(max_chunksize=BATCH_ROWS):
        if batch.num_rows:
            yield _encode_batch(batch, relation)


def _encode_batch(batch: pa.RecordBatch, relation: Relation) -> EncodedBatch:
    """Encode one batch: first all rows' lengths, then field by field into one buffer."""
    fields = [_split_field(batch.column(at), column.sql_type) for at, column in enumerate(relation.columns)]
    ends = np.full(batch.num_rows, 2 + 4 * len(fields), np.int64)
    for present, starts, width, _ in fields:
        _add_lengths(ends, present, starts, width)
    np.cumsum(ends, out=ends)
    out = np.zeros(int(ends[-1]) + PADDING_BYTES, np.uint8)
    # Where the next byte of each row is written; the fields are appended to all rows in turn.
    cursor = np.concatenate([[0], ends[:-1]])
    _write_count(out, cursor, len(fields))
    for present, starts, width, data in fields:
        _write_field(out, cursor, present, starts, width, data)
    return EncodedBatch(batch.num_rows, out)


def _split_field(
    values: pa.Array, sql_type: str
) -> tuple[NDArray[np.bool_], NDArray[np.int64], int, NDArray[np.uint8]]:
    """Return one column as arrays.

    Returns:
        `(n,)` which values are present, empty if all are; `(n + 1,)` offsets of the values, empty if they all
        have the same width; that width in bytes; and the values' bytes.
    """
    target, form = COPY_TYPES[sql_type]
    # Empty arrays stand for the common cases: no nulls, and values of the same width.
    present = np.zeros(0, bool)
    if values.null_count:
        present = values.is_valid().to_numpy(zero_copy_only=False)
    if form is None:
        array: Any = values.cast(target)
        # An Arrow slice shares its buffers: its offsets begin at `array.offset` and point into the whole
        # data.
        offsets = np.frombuffer(array.buffers()[1], np.int64)[array.offset : array.offset + len(array) + 1]
        data = array.buffers()[2]
        content = np.zeros(1, np.uint8) if data is None or not data.size else np.frombuffer(data, np.uint8)
        return present, offsets, 0, content
    whole = values.cast(target)
    if len(present):
        # Values under nulls are never sent; filling them lets `to_numpy` keep the integer type.
        whole = whole.fill_null(False if sql_type == "boolean" else 0)
    numbers = whole.to_numpy(zero_copy_only=False)
    if sql_type == "date":
        numbers = numbers - POSTGRES_EPOCH_DAYS
    swapped = np.ascontiguousarray(numbers.astype(form))
    return present, np.zeros(0, np.int64), swapped.dtype.itemsize, swapped.view(np.uint8)


@numba.njit(cache=True, nogil=True)
def _add_lengths(lengths: Any, present: Any, starts: Any, width: Any) -> None:
    """Add the bytes of one field's values to the rows' lengths."""
    for row in range(len(lengths)):
        if len(present) == 0 or present[row]:
            lengths[row] += starts[row + 1] - starts[row] if len(starts) else width


@numba.njit(cache=True, nogil=True)
def _write_count(out: Any, cursor: Any, fields: Any) -> None:
    """Begin each row with the number of its fields."""
    for row in range(len(cursor)):
        at = cursor[row]
        out[at] = fields >> 8
        out[at + 1] = fields & 255
        cursor[row] = at + 2


@numba.njit(cache=True, nogil=True)
def _write_field(out: Any, cursor: Any, present: Any, starts: Any, width: Any, data: Any) -> None:
    """Append one field to each row."""
    for row in range(len(cursor)):
        at = cursor[row]
        if len(present) and not present[row]:
            out[at : at + 4] = 255  # length -1: null
            cursor[row] = at + 4
            continue
        start, length = row * width, width
        if len(starts):
            start, length = starts[row], starts[row + 1] - starts[row]
        out[at] = (length >> 24) & 255
        out[at + 1] = (length >> 16) & 255
        out[at + 2] = (length >> 8) & 255
        out[at + 3] = length & 255
        copy_bytes(out, at + 4, data, start, length)
        cursor[row] = at + 4 + length

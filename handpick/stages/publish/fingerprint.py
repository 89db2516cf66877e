"""A fingerprint of rows that this process and the server compute alike, so that no row has to come back to be compared.

A row's values are hashed one after the other, each seeded by the hash so far, by PostgreSQL's own 64-bit hash
functions, on which hash partitioning rests and which are the same in every version (on little-endian processors); the
rows' hashes are summed modulo 2^64, so their order does not matter. A value that is changed or lost, or swapped with
another row's or column's, and a row that is lost or doubled, move the sum by as good as a random number: an accident
goes unseen with a probability of about 2^-64. It is no guard against somebody who looks for two tables with one
fingerprint.

Source: PostgreSQL, src/common/hashfn.c and src/backend/access/hash/hashfunc.c.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from psycopg import sql

from handpick.serving.relations import Relation
from handpick.stages.publish.pg_copy import Batch
from handpick.stages.publish.unaligned_io import widened, word

MODULUS = 1 << 64
HASHES = {
    "text": ("hashtextextended({}, {})", "''"),
    "smallint": ("hashint4extended({}, {})", "0::smallint"),
    "date": ("hashint4extended({} - date '2000-01-01', {})", "date '2000-01-01'"),
    "boolean": ("hashint4extended({}::int, {})", "false"),
    "real": ("hashfloat4extended({}, {})", "0::real"),
    "double precision": ("hashfloat8extended({}, {})", "0::float8"),
}
"""Per SQL type: the hash of a value with a seed, and what stands for null (which is hashed by itself, too)."""
TEXT, INTEGER, REAL, DOUBLE = range(4)
KINDS = {"text": TEXT, "real": REAL, "double precision": DOUBLE}
NAN, INFINITE, MAGNITUDE = np.uint64(0x7FF8 << 48), np.uint64(0x7FF0 << 48), np.uint64((1 << 63) - 1)
"""Bits of float64."""
KEPT_BITS = np.array([(1 << 8 * min(max(size - 8, 0), 4)) - 1 for size in range(20)], np.uint32)
"""By bytes left: `[size + 8]`, `[size + 4]` and `[size]` mask the first, second and third word of a value's end."""


def row_hash(relation: Relation) -> sql.Composable:
    """SQL for a row's hash."""
    flags: list[sql.Composable] = [
        sql.SQL("{} * ({} is null)::int").format(sql.Literal(1 << at), sql.Identifier(column.name))
        for at, column in enumerate(relation.columns)
        if column.is_nullable
    ]
    hashed: sql.Composable = sql.SQL("hashint4extended({}, 0)").format(
        sql.SQL(" + ").join(flags or [sql.SQL("0")])
    )
    for column in relation.columns:
        function, missing = HASHES[column.sql]
        value: sql.Composable = sql.Identifier(column.name)
        if column.is_nullable:
            value = sql.SQL("coalesce({}, {})").format(value, sql.SQL(missing))
        hashed = sql.SQL(function).format(value, hashed)
    return hashed


def fingerprint(batch: Batch, relation: Relation) -> int:
    """The sum of the rows' hashes modulo 2^64, from the very bytes that are sent."""
    kinds = np.array([KINDS.get(column.sql, INTEGER) for column in relation.columns], np.int8)
    return int(_sum(batch.padded, batch.rows, kinds))


@numba.njit(cache=True, nogil=True)
def _sum(data: Any, rows: Any, kinds: Any) -> Any:
    """Sum of the hashes of rows in the format of binary COPY."""
    total, at = np.uint64(0), np.int64(0)
    for _ in range(rows):
        nulls, place = np.uint32(0), at + 2
        for field in range(len(kinds)):
            length = np.int64(np.int32(_big_endian(data, place, 4)))
            place += 4
            if length < 0:
                nulls |= np.uint32(1) << np.uint32(field)
            else:
                place += length
        hashed = _hash_integer(nulls, np.uint64(0))
        at += 2
        for field in range(len(kinds)):
            length = np.int64(np.int32(_big_endian(data, at, 4)))
            hashed = _hash_value(data, at + 4, length, kinds[field], hashed)
            at += 4 + length if length > 0 else 4
        total += hashed
    return total


@numba.njit(cache=True, nogil=True)
def _big_endian(data: Any, at: Any, width: Any) -> Any:
    """The unsigned number in some bytes."""
    value = np.uint64(0)
    for k in range(width):
        value = (value << np.uint64(8)) | np.uint64(data[at + k])
    return value


@numba.njit(cache=True, nogil=True)
def _hash_value(data: Any, at: Any, length: Any, kind: Any, seed: Any) -> Any:
    """The hash of one value; null counts as nothing or zero."""
    if kind == TEXT:
        return _hash_bytes(data, at, length if length > 0 else 0, seed)
    if kind == INTEGER:
        number = np.uint32(0)
        if length == 1:
            number = np.uint32(data[at])
        elif length == 2:
            number = np.uint32(np.int32(np.int16(_big_endian(data, at, 2))))
        elif length == 4:
            number = np.uint32(_big_endian(data, at, 4))
        return _hash_integer(number, seed)
    if length < 0:
        return seed
    return _hash_double(widened(_big_endian(data, at, 4)) if kind == REAL else _big_endian(data, at, 8), seed)


@numba.njit(cache=True, nogil=True)
def _hash_double(bits: Any, seed: Any) -> Any:
    """`hashfloat8extended`: all zeros are alike, and all that is no number."""
    if bits & MAGNITUDE == np.uint64(0):
        return seed
    if bits & MAGNITUDE > INFINITE:
        bits = NAN
    a, b, c = _begin(8, seed)
    return _final(a + np.uint32(bits), b + np.uint32(bits >> np.uint64(32)), c)


@numba.njit(cache=True, nogil=True)
def _hash_integer(number: Any, seed: Any) -> Any:
    """`hash_bytes_uint32_extended`."""
    a, b, c = _begin(4, seed)
    return _final(np.uint32(a + number), b, c)


@numba.njit(cache=True, nogil=True)
def _hash_bytes(data: Any, at: Any, length: Any, seed: Any) -> Any:
    """`hash_bytes_extended`."""
    a, b, c = _begin(length, seed)
    while length >= 12:
        a, b, c = _mix(a + word(data, at), b + word(data, at + 4), c + word(data, at + 8))
        at += 12
        length -= 12
    a += word(data, at) & KEPT_BITS[length + 8]
    b += word(data, at + 4) & KEPT_BITS[length + 4]
    # The lowest byte of c is kept for the length.
    c += (word(data, at + 8) & KEPT_BITS[length]) << np.uint32(8)
    return _final(a, b, c)


@numba.njit(cache=True, nogil=True)
def _begin(length: Any, seed: Any) -> Any:
    """The three words that a value of some length is added to."""
    a = np.uint32(np.uint32(0x9E3779B9) + np.uint32(length) + np.uint32(3923095))
    if seed == np.uint64(0):
        return a, a, a
    return _mix(a + np.uint32(seed >> np.uint64(32)), a + np.uint32(seed), a)


@numba.njit(cache=True, nogil=True, inline="always")
def _turned(bits: Any, by: Any) -> Any:
    return np.uint32((bits << np.uint32(by)) | (bits >> np.uint32(32 - by)))


@numba.njit(cache=True, nogil=True)
def _mix(a: Any, b: Any, c: Any) -> Any:
    """Three words mixed reversibly (Bob Jenkins, lookup3.c)."""
    a, b, c = np.uint32(a), np.uint32(b), np.uint32(c)
    a = np.uint32(a - c) ^ _turned(c, 4)
    c = np.uint32(c + b)
    b = np.uint32(b - a) ^ _turned(a, 6)
    a = np.uint32(a + c)
    c = np.uint32(c - b) ^ _turned(b, 8)
    b = np.uint32(b + a)
    a = np.uint32(a - c) ^ _turned(c, 16)
    c = np.uint32(c + b)
    b = np.uint32(b - a) ^ _turned(a, 19)
    a = np.uint32(a + c)
    c = np.uint32(c - b) ^ _turned(b, 4)
    b = np.uint32(b + a)
    return a, b, c


@numba.njit(cache=True, nogil=True)
def _final(a: Any, b: Any, c: Any) -> Any:
    """The 64-bit hash of three words (Bob Jenkins, lookup3.c)."""
    a, b, c = np.uint32(a), np.uint32(b), np.uint32(c)
    c = np.uint32((c ^ b) - _turned(b, 14))
    a = np.uint32((a ^ c) - _turned(c, 11))
    b = np.uint32((b ^ a) - _turned(a, 25))
    c = np.uint32((c ^ b) - _turned(b, 16))
    a = np.uint32((a ^ c) - _turned(c, 4))
    b = np.uint32((b ^ a) - _turned(a, 14))
    c = np.uint32((c ^ b) - _turned(b, 24))
    return (np.uint64(b) << np.uint64(32)) | np.uint64(c)

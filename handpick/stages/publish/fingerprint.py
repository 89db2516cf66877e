"""A fingerprint of rows that this process and the server compute alike, so that no row has to be read back.

A row's values are hashed one after the other, each seeded by the hash so far, by PostgreSQL's own 64-bit hash
functions. Hash partitioning depends on them, so they are the same in every version (on little-endian
processors). The rows' hashes are summed modulo 2^64, so their order does not matter. A value that is changed,
lost or swapped with another row's or column's, and a row that is lost or doubled, change the sum practically
at random: an accident goes unnoticed with a probability of about 2^-64. The fingerprint is not cryptographic:
it does not protect against forgery.

Source: PostgreSQL, src/common/hashfn.c and src/backend/access/hash/hashfunc.c.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from psycopg import sql

from handpick.serving.relations import Relation
from handpick.stages.publish.pg_copy import EncodedBatch
from handpick.stages.publish.unaligned_io import float32_to_float64_bits, read_word

MODULUS = 1 << 64
HASH_SQL = {
    "text": ("hashtextextended({}, {})", "''"),
    "smallint": ("hashint4extended({}, {})", "0::smallint"),
    "date": ("hashint4extended({} - date '2000-01-01', {})", "date '2000-01-01'"),
    "boolean": ("hashint4extended({}::int, {})", "false"),
    "real": ("hashfloat4extended({}, {})", "0::real"),
    "double precision": ("hashfloat8extended({}, {})", "0::float8"),
}
"""By SQL type: the hash of a value with a seed, and the value hashed in place of null."""
TEXT, INTEGER, REAL, DOUBLE = range(4)
HASH_KINDS = {"text": TEXT, "real": REAL, "double precision": DOUBLE}
NAN, INFINITE, MAGNITUDE = np.uint64(0x7FF8 << 48), np.uint64(0x7FF0 << 48), np.uint64((1 << 63) - 1)
"""Bits of float64: the one NaN that PostgreSQL hashes, infinity, and the mask of everything but the sign."""
KEPT_BITS = np.array([(1 << 8 * min(max(size - 8, 0), 4)) - 1 for size in range(20)], np.uint32)
"""Masks of the last, incomplete 12 bytes of a value, by the number of bytes left.

`[size + 8]`, `[size + 4]` and `[size]` mask the first, second and third 32-bit word.
"""


def compose_row_hash(relation: Relation) -> sql.Composable:
    """Build the SQL expression of a row's hash."""
    # Null flags are hashed first: otherwise null and the value that stands for it would hash alike.
    flags: list[sql.Composable] = [
        sql.SQL("{} * ({} is null)::int").format(sql.Literal(1 << at), sql.Identifier(column.name))
        for at, column in enumerate(relation.columns)
        if column.is_nullable
    ]
    hashed: sql.Composable = sql.SQL("hashint4extended({}, 0)").format(
        sql.SQL(" + ").join(flags or [sql.SQL("0")])
    )
    for column in relation.columns:
        function, missing = HASH_SQL[column.sql_type]
        value: sql.Composable = sql.Identifier(column.name)
        if column.is_nullable:
            value = sql.SQL("coalesce({}, {})").format(value, sql.SQL(missing))
        hashed = sql.SQL(function).format(value, hashed)
    return hashed


def compute_fingerprint(batch: EncodedBatch, relation: Relation) -> int:
    """Return the sum of the rows' hashes modulo 2^64, computed from the bytes that are sent."""
    kinds = np.array([HASH_KINDS.get(column.sql_type, INTEGER) for column in relation.columns], np.int8)
    return int(_sum_hashes(batch.padded, batch.rows, kinds))


@numba.njit(cache=True, nogil=True)
def _sum_hashes(data: Any, rows: Any, kinds: Any) -> Any:
    """Sum the hashes of rows in the format of binary COPY."""
    # numba promotes int64 and uint64 together to float64, so operands are cast to their exact unsigned type.
    total, at = np.uint64(0), np.int64(0)
    for _ in range(rows):
        # Two passes over a row: the flags of all its nulls are hashed before its values.
        nulls, place = np.uint32(0), at + 2
        for field in range(len(kinds)):
            length = np.int64(np.int32(_read_big_endian(data, place, 4)))
            place += 4
            if length < 0:
                nulls |= np.uint32(1) << np.uint32(field)
            else:
                place += length
        hashed = _hash_integer(nulls, np.uint64(0))
        at += 2
        for field in range(len(kinds)):
            length = np.int64(np.int32(_read_big_endian(data, at, 4)))
            hashed = _hash_value(data, at + 4, length, kinds[field], hashed)
            at += 4 + length if length > 0 else 4
        total += hashed
    return total


@numba.njit(cache=True, nogil=True)
def _read_big_endian(data: Any, at: Any, width: Any) -> Any:
    """Read the unsigned number in `width` bytes."""
    value = np.uint64(0)
    for k in range(width):
        value = (value << np.uint64(8)) | np.uint64(data[at + k])
    return value


@numba.njit(cache=True, nogil=True)
def _hash_value(data: Any, at: Any, length: Any, kind: Any, seed: Any) -> Any:
    """Hash one value; null (length -1) counts as the empty text or zero, as in `HASH_SQL`."""
    if kind == TEXT:
        return _hash_bytes(data, at, length if length > 0 else 0, seed)
    if kind == INTEGER:
        number = np.uint32(0)
        if length == 1:
            number = np.uint32(data[at])
        elif length == 2:
            number = np.uint32(np.int32(np.int16(_read_big_endian(data, at, 2))))
        elif length == 4:
            number = np.uint32(_read_big_endian(data, at, 4))
        return _hash_integer(number, seed)
    if length < 0:
        return seed  # as zero hashes
    return _hash_double(
        float32_to_float64_bits(_read_big_endian(data, at, 4))
        if kind == REAL
        else _read_big_endian(data, at, 8),
        seed,
    )


@numba.njit(cache=True, nogil=True)
def _hash_double(bits: Any, seed: Any) -> Any:
    """Hash a float64 as `hashfloat8extended` does: both zeros alike, and all NaN alike."""
    if bits & MAGNITUDE == np.uint64(0):
        return seed
    if bits & MAGNITUDE > INFINITE:
        bits = NAN
    a, b, c = _initial_state(8, seed)
    return _finalize(a + np.uint32(bits), b + np.uint32(bits >> np.uint64(32)), c)


@numba.njit(cache=True, nogil=True)
def _hash_integer(number: Any, seed: Any) -> Any:
    """Hash an integer as `hash_bytes_uint32_extended` does."""
    a, b, c = _initial_state(4, seed)
    return _finalize(np.uint32(a + number), b, c)


@numba.njit(cache=True, nogil=True)
def _hash_bytes(data: Any, at: Any, length: Any, seed: Any) -> Any:
    """Hash bytes as `hash_bytes_extended` does.

    Words are read past the end of the value and masked, which `pg_copy.PADDING_BYTES` makes safe in the last
    row.
    """
    a, b, c = _initial_state(length, seed)
    while length >= 12:
        a, b, c = _mix(a + read_word(data, at), b + read_word(data, at + 4), c + read_word(data, at + 8))
        at += 12
        length -= 12
    a += read_word(data, at) & KEPT_BITS[length + 8]
    b += read_word(data, at + 4) & KEPT_BITS[length + 4]
    # The lowest byte of c is kept for the length.
    c += (read_word(data, at + 8) & KEPT_BITS[length]) << np.uint32(8)
    return _finalize(a, b, c)


@numba.njit(cache=True, nogil=True)
def _initial_state(length: Any, seed: Any) -> Any:
    """Return the initial state for a value of some length: three 32-bit words."""
    a = np.uint32(np.uint32(0x9E3779B9) + np.uint32(length) + np.uint32(3923095))
    if seed == np.uint64(0):
        return a, a, a
    return _mix(a + np.uint32(seed >> np.uint64(32)), a + np.uint32(seed), a)


@numba.njit(cache=True, nogil=True, inline="always")
def _rotate(bits: Any, by: Any) -> Any:
    """Rotate 32 bits to the left."""
    return np.uint32((bits << np.uint32(by)) | (bits >> np.uint32(32 - by)))


@numba.njit(cache=True, nogil=True)
def _mix(a: Any, b: Any, c: Any) -> Any:
    """Mix the state reversibly (Bob Jenkins, lookup3.c, `mix`)."""
    a, b, c = np.uint32(a), np.uint32(b), np.uint32(c)
    a = np.uint32(a - c) ^ _rotate(c, 4)
    c = np.uint32(c + b)
    b = np.uint32(b - a) ^ _rotate(a, 6)
    a = np.uint32(a + c)
    c = np.uint32(c - b) ^ _rotate(b, 8)
    b = np.uint32(b + a)
    a = np.uint32(a - c) ^ _rotate(c, 16)
    c = np.uint32(c + b)
    b = np.uint32(b - a) ^ _rotate(a, 19)
    a = np.uint32(a + c)
    c = np.uint32(c - b) ^ _rotate(b, 4)
    b = np.uint32(b + a)
    return a, b, c


@numba.njit(cache=True, nogil=True)
def _finalize(a: Any, b: Any, c: Any) -> Any:
    """Return the 64-bit hash of a state (Bob Jenkins, lookup3.c, `final`)."""
    a, b, c = np.uint32(a), np.uint32(b), np.uint32(c)
    c = np.uint32((c ^ b) - _rotate(b, 14))
    a = np.uint32((a ^ c) - _rotate(c, 11))
    b = np.uint32((b ^ a) - _rotate(a, 25))
    c = np.uint32((c ^ b) - _rotate(b, 16))
    a = np.uint32((a ^ c) - _rotate(c, 4))
    b = np.uint32((b ^ a) - _rotate(a, 14))
    c = np.uint32((c ^ b) - _rotate(b, 24))
    return (np.uint64(b) << np.uint64(32)) | np.uint64(c)

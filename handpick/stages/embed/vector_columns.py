"""One column of vectors: taken from the night before where content and encoder are the same, else encoded."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from handpick.runtime.log import track
from handpick.stages.embed.threads import side_by_side
from models.data import FloatArray
from models.encoders.interface import Encoder, UnreadableMedia

AT_ONCE = 512
"""Contents prepared and encoded together; 512 pictures of 224 × 224 are 77 MB."""
ROWS = 65_536
"""Rows of one Arrow chunk."""
VECTOR = pa.list_(pa.float32())
NOBODY = "none"
"""The fingerprint of a column that no encoder made."""


@dataclass(frozen=True)
class Column:
    """A column of vectors.

    Args:
        vectors: `list<float32>`, null where there is no content or it cannot be read.
        keys: What each row's vector was made of; null with the vector.
        fingerprint: Of the encoder.
        encoded, reused: Different contents that were encoded tonight, or taken from the night before.
        unreadable: Rows whose content could not be decoded, by reason.
    """

    vectors: pa.ChunkedArray
    keys: pa.Array
    fingerprint: str
    encoded: int = 0
    reused: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)


def key_of(text: str) -> str:
    """24 hex digits that stand for a text."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def column(
    name: str,
    keys: Sequence[str | None],
    prepared: Callable[[int], Any],
    encoder: Encoder[Any] | None,
    previous: pa.Table | None,
    *,
    ahead: Mapping[str, FloatArray] | None = None,
    threads: int = 1,
) -> Column:
    """The vectors of rows with these keys; equal keys share one vector.

    Args:
        name: The column in `previous`; its keys are in `<name>_key`.
        keys: What stands for each row's content, None where there is none.
        prepared: A row's content as the encoder takes it; may raise `UnreadableMedia`.
        encoder: None where no row of any night has content of this kind.
        previous: The last partition.
        ahead: Vectors that this encoder has made tonight already, by key.
        threads: Pieces of work that run side by side.
    """
    if encoder is None:
        nothing = pa.nulls(len(keys), pa.string())
        return Column(pa.chunked_array([pa.nulls(len(keys), VECTOR)]), nothing, NOBODY)
    told = pa.array(keys, pa.string()).dictionary_encode()
    codes = told.indices.fill_null(-1).to_numpy().astype(np.int64)
    different = told.dictionary
    vectors = np.zeros((len(different), encoder.dim), np.float32)
    known = _reuse(name, different, vectors, encoder.fingerprint, previous)
    reused = int(known.sum())
    for code, key in enumerate(different.to_pylist() if ahead else ()):
        if ahead and not known[code] and key in ahead:
            vectors[code], known[code] = ahead[key], True
    rows = _first_rows(codes, len(different))
    reasons = _encode(name, rows, prepared, encoder, vectors, known, threads)
    unreadable = Counter(reasons[code] for code in codes.tolist() if code in reasons)
    present = (codes >= 0) & known[codes] if len(different) else np.zeros(len(codes), bool)
    return Column(
        _lists(vectors, codes, present),
        pc.if_else(pa.array(present), pa.array(keys, pa.string()), None),
        encoder.fingerprint,
        int(known.sum()) - reused,
        reused,
        unreadable,
    )


def _first_rows(codes: np.ndarray[tuple[int], np.dtype[np.int64]], count: int) -> list[int]:
    """For each code the first row that has it."""
    rows = np.full(count, -1, np.int64)
    present = np.flatnonzero(codes >= 0)[::-1]
    rows[codes[present]] = present
    return rows.tolist()


def _reuse(
    name: str, keys: pa.Array, vectors: FloatArray, fingerprint: str, previous: pa.Table | None
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Fill in the vectors that the last partition holds, and say which."""
    known = np.zeros(len(keys), bool)
    said = (previous.schema.metadata or {}) if previous is not None else {}
    if previous is None or said.get(name.encode()) != fingerprint.encode() or not len(keys):
        return known
    places = pc.index_in(keys, previous[f"{name}_key"].combine_chunks())
    known |= np.asarray(places.is_valid())
    found = previous[name].take(places.drop_null()).combine_chunks()
    vectors[known] = found.flatten().to_numpy().reshape(-1, vectors.shape[1])
    return known


def _encode(
    name: str,
    rows: Sequence[int],
    prepared: Callable[[int], Any],
    encoder: Encoder[Any],
    vectors: FloatArray,
    known: np.ndarray[tuple[int], np.dtype[np.bool_]],
    threads: int,
) -> dict[int, str]:
    """Fill in the vectors that are missing; the reasons of those that stay so, by code."""
    missing = np.flatnonzero(~known).tolist()
    reasons: dict[int, str] = {}

    def encoded(start: int) -> tuple[list[int], FloatArray]:
        readable, contents = [], []
        for code in missing[start : start + AT_ONCE]:
            try:
                contents.append(prepared(rows[code]))
                readable.append(code)
            except UnreadableMedia as error:
                reasons[code] = str(error)
        return readable, encoder.encode(contents)

    pieces = range(0, len(missing), AT_ONCE)
    for readable, made in track(side_by_side(encoded, pieces, threads), f"encode {name}", len(pieces)):
        vectors[readable] = made
        known[readable] = True
    return reasons


def _lists(
    vectors: FloatArray,
    codes: np.ndarray[tuple[int], np.dtype[np.int64]],
    present: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> pa.ChunkedArray:
    chunks = []
    for start in range(0, len(codes), ROWS):
        here = present[start : start + ROWS]
        values = vectors[codes[start : start + ROWS][here]]
        ends = np.cumsum(here) * vectors.shape[1]
        offsets = pa.array(np.concatenate([[0], ends]).astype(np.int32))
        chunks.append(
            pa.ListArray.from_arrays(offsets, pa.array(values.ravel()), mask=pa.array(~here), type=VECTOR)
        )
    return pa.chunked_array(chunks, VECTOR)

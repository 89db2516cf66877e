"""Columns of vectors: each distinct content is encoded once, or its vector reused from an earlier night."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from handpick.runtime.log import track_progress
from handpick.stages.embed.batch_threads import map_in_threads
from handpick.stages.embed.vector_reuse import reuse_vectors
from models.dataset import BoolArray, FloatArray, IntArray
from models.encoders.interface import Encoder, UnreadableMedia

BATCH = 512
"""Contents prepared and encoded together; 512 pictures of 224 × 224 are 77 MB."""
CHUNK_ROWS = 65_536
"""Rows of one Arrow chunk: the 32-bit offsets of a list array would overflow in a single chunk of a large
shop."""
VECTOR = pa.list_(pa.float32())
NO_ENCODER = "none"
"""The fingerprint of a column without an encoder."""


@dataclass(frozen=True)
class VectorColumn:
    """A column of vectors.

    Args:
        vectors: `list<float32>`, null where a row has no content or it cannot be decoded.
        keys: `string`, the content key that each vector was made of; null where the vector is.
        fingerprint: Fingerprint of the encoder.
        encoded: Distinct contents that were encoded tonight.
        reused: Distinct contents whose vector comes from the earlier table.
        unreadable: Rows whose content could not be decoded, by reason.
    """

    vectors: pa.ChunkedArray
    keys: pa.Array
    fingerprint: str
    encoded: int = 0
    reused: int = 0
    unreadable: Counter[str] = field(default_factory=Counter)


def build_vector_column(
    name: str,
    keys: Sequence[str | None],
    prepare: Callable[[int], Any],
    encoder: Encoder[Any] | None,
    previous: pa.Table | None,
    *,
    precomputed: Mapping[str, FloatArray] | None = None,
    threads: int = 1,
) -> VectorColumn:
    """Return the vectors of rows with these content keys; rows with equal keys share one vector.

    Args:
        name: Name of the column in `previous`, whose keys are in `<name>_key`.
        keys: The content key of each row, None where it has no content.
        prepare: Returns a row's content as the encoder reads it; may raise `UnreadableMedia`.
        encoder: None where no row of any night has content of this kind.
        previous: The table of an earlier night.
        precomputed: Vectors `(d,)` that this encoder has made tonight already, by content key.
        threads: Batches that are encoded at the same time.
    """
    if encoder is None:
        no_keys = pa.nulls(len(keys), pa.string())
        return VectorColumn(pa.chunked_array([pa.nulls(len(keys), VECTOR)]), no_keys, NO_ENCODER)
    # From here on contents are numbered by their place among the distinct keys: `code` is -1 where there is
    # no content.
    encoded_keys = pa.array(keys, pa.string()).dictionary_encode()
    codes = encoded_keys.indices.fill_null(-1).to_numpy().astype(np.int64)
    distinct = encoded_keys.dictionary
    vectors = np.zeros((len(distinct), encoder.dim), np.float32)
    known = reuse_vectors(name, distinct, vectors, encoder.fingerprint, previous)
    reused = int(known.sum())
    for code, key in enumerate(distinct.to_pylist() if precomputed else ()):
        if precomputed and not known[code] and key in precomputed:
            vectors[code], known[code] = precomputed[key], True
    rows = _find_first_rows(codes, len(distinct))
    reasons = _encode_missing(name, rows, prepare, encoder, vectors, known, threads)
    unreadable = Counter(reasons[code] for code in codes.tolist() if code in reasons)
    present = (codes >= 0) & known[codes] if len(distinct) else np.zeros(len(codes), bool)
    return VectorColumn(
        _to_lists(vectors, codes, present),
        pc.if_else(pa.array(present), pa.array(keys, pa.string()), None),
        encoder.fingerprint,
        int(known.sum()) - reused,
        reused,
        unreadable,
    )


def _find_first_rows(codes: IntArray, count: int) -> list[int]:
    """Return the first row that has each code."""
    rows = np.full(count, -1, np.int64)
    # Assigned from the last row to the first: of repeated indices numpy keeps the value that is assigned
    # last.
    present = np.flatnonzero(codes >= 0)[::-1]
    rows[codes[present]] = present
    return rows.tolist()


def _encode_missing(
    name: str,
    rows: Sequence[int],
    prepare: Callable[[int], Any],
    encoder: Encoder[Any],
    vectors: FloatArray,
    known: BoolArray,
    threads: int,
) -> dict[int, str]:
    """Fill in the missing vectors; return by code why a content could not be encoded."""
    missing = np.flatnonzero(~known).tolist()
    reasons: dict[int, str] = {}

    def encode_batch(start: int) -> tuple[list[int], FloatArray]:
        readable, contents = [], []
        for code in missing[start : start + BATCH]:
            try:
                contents.append(prepare(rows[code]))
                readable.append(code)
            except UnreadableMedia as error:
                reasons[code] = str(error)
        return readable, encoder.encode(contents)

    # Batches are cut before any content is read, so that they, and with them every vector, do not depend on
    # `threads`.
    starts = range(0, len(missing), BATCH)
    batches = map_in_threads(encode_batch, starts, threads)
    for readable, batch_vectors in track_progress(batches, f"encode {name}", len(starts)):
        vectors[readable] = batch_vectors
        known[readable] = True
    return reasons


def _to_lists(vectors: FloatArray, codes: IntArray, present: BoolArray) -> pa.ChunkedArray:
    """Return one list per row, null where `present` is False."""
    chunks = []
    for start in range(0, len(codes), CHUNK_ROWS):
        here = present[start : start + CHUNK_ROWS]
        values = vectors[codes[start : start + CHUNK_ROWS][here]]
        ends = np.cumsum(here) * vectors.shape[1]
        offsets = pa.array(np.concatenate([[0], ends]).astype(np.int32))
        chunks.append(
            pa.ListArray.from_arrays(offsets, pa.array(values.ravel()), mask=pa.array(~here), type=VECTOR)
        )
    return pa.chunked_array(chunks, VECTOR)

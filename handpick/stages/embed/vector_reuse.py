"""Reuse of vectors from an earlier night's table, where the same encoder made them of the same content."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from models.dataset import BoolArray, FloatArray


def reuse_vectors(
    name: str, keys: pa.Array, vectors: FloatArray, fingerprint: str, previous: pa.Table | None
) -> BoolArray:
    """Fill in the vectors that the earlier table holds by the same encoder; return which, `(keys,) bool`."""
    known = np.zeros(len(keys), bool)
    metadata = (previous.schema.metadata or {}) if previous is not None else {}
    if previous is None or metadata.get(name.encode()) != fingerprint.encode() or not len(keys):
        return known
    places = pc.index_in(keys, previous[f"{name}_key"].combine_chunks())
    known |= np.asarray(places.is_valid())
    found = previous[name].take(places.drop_null()).combine_chunks()
    vectors[known] = found.flatten().to_numpy().reshape(-1, vectors.shape[1])
    return known

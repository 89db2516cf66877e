"""Normalisation of vectors to length 1."""

from __future__ import annotations

import numpy as np

from models.dataset import FloatArray


def normalise_rows(vectors: FloatArray) -> FloatArray:
    """Scale the rows of `(n, d)` vectors to length 1, in float32; rows of length 0 stay."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12), np.float32)

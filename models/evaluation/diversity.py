"""Intra-list diversity: how unlike each other the phones of one list are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.data import FloatArray


def diversity(lists: NDArray[np.int32], vectors: FloatArray) -> NDArray[np.float64]:
    """`(users,)` one minus the mean cosine over all pairs of a list; 0 for lists of less than two.

    Args:
        lists: `(users, k)`.
        vectors: `(items, d)` content; rows are brought to length 1 here.
    """
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    result = np.zeros(len(lists))
    block = max(1, (64 << 20) // (4 * max(1, lists.shape[1] * unit.shape[1])))
    for start in range(0, len(lists), block):
        part = lists[start : start + block]
        shown = unit[np.maximum(part, 0)] * (part >= 0)[:, :, None]  # (b, k, d)
        count = (part >= 0).sum(axis=1)
        # |sum of vectors|² = sum of lengths² + 2 · sum over pairs
        pairs = (shown.sum(axis=1) ** 2).sum(axis=1) - (shown**2).sum(axis=(1, 2))
        result[start : start + block] = np.where(count > 1, 1 - pairs / np.maximum(count * (count - 1), 1), 0)
    return result

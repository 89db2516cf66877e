"""Intra-list diversity: how unlike each other the phones of one list are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.data import FloatArray
from models.normalize import unit_rows


def diversity(lists: NDArray[np.int32], vectors: FloatArray) -> NDArray[np.float64]:
    """`(users,)` one minus the mean cosine over all pairs of a list; 0 for lists of less than two.

    Args:
        lists: `(users, k)`.
        vectors: `(items, d)` content; rows are brought to length 1 here.
    """
    unit = unit_rows(vectors)
    row, place = np.nonzero(lists >= 0)
    item = lists[row, place]
    shown = sparse.csr_matrix((np.ones(len(item), unit.dtype), (row, item)), shape=(len(lists), len(unit)))
    lengths = np.bincount(row, weights=(unit**2).sum(axis=1)[item], minlength=len(lists))
    count = np.bincount(row, minlength=len(lists))
    result = np.zeros(len(lists))
    block = max(1, (64 << 20) // (4 * max(1, unit.shape[1])))
    for start in range(0, len(lists), block):
        part = slice(start, start + block)
        # |sum of vectors|² = sum of lengths² + 2 · sum over pairs
        pairs = ((shown[part] @ unit) ** 2).sum(axis=1) - lengths[part]
        result[part] = np.where(
            count[part] > 1, 1 - pairs / np.maximum(count[part] * (count[part] - 1), 1), 0
        )
    return result

"""Intra-list diversity: how dissimilar the items of one list are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.dataset import FloatArray
from models.row_normalisation import normalise_rows


def compute_diversity(lists: NDArray[np.int32], vectors: FloatArray) -> NDArray[np.float64]:
    """Compute one minus the mean cosine over all pairs of a list.

    Args:
        lists: `(users, k)`, -1 for none.
        vectors: `(items, d)` content; rows are normalised here.

    Returns:
        `(users,)`; 0 for lists of fewer than two items.
    """
    unit = normalise_rows(vectors)
    row, place = np.nonzero(lists >= 0)
    item = lists[row, place]
    shown = sparse.csr_matrix((np.ones(len(item), unit.dtype), (row, item)), shape=(len(lists), len(unit)))
    lengths = np.bincount(row, weights=(unit**2).sum(axis=1)[item], minlength=len(lists))
    count = np.bincount(row, minlength=len(lists))
    result = np.zeros(len(lists))
    # Users whose summed vectors fit in 64 MB.
    block = max(1, (64 << 20) // (4 * max(1, unit.shape[1])))
    for start in range(0, len(lists), block):
        part = slice(start, start + block)
        # |sum of vectors|² = sum of lengths² + 2 · sum over pairs: no k × k cosines for each list.
        pairs = ((shown[part] @ unit) ** 2).sum(axis=1) - lengths[part]
        result[part] = np.where(
            count[part] > 1, 1 - pairs / np.maximum(count[part] * (count[part] - 1), 1), 0
        )
    return result

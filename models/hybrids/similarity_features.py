"""Similarity features: cosines of candidates with the nearest item, nearest three and whole history."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.dataset import FloatArray
from models.row_normalisation import normalise_rows

NEAREST_COUNT = 3
"""Items of the history in the second feature."""
FEATURE_NAMES = ("likeness_first", "likeness_nearest", "likeness_all")


def compute_similarity_features(
    lists: NDArray[np.int32], history: sparse.csr_matrix, vectors: FloatArray
) -> FloatArray:
    """Compute the largest cosine with the history, the mean of the top three, and that of the positive.

    A sum over the whole history, which is what members score by, cannot tell whether a candidate is close to
    one item or a little similar to many.

    Args:
        lists: `(users, c)` candidates.
        history: `(users, items)` an entry where a user liked an item.
        vectors: `(items, d)` item vectors of any member.

    Returns:
        `(users, c, 3) float32`; 0 for users without history.
    """
    unit = normalise_rows(vectors)
    found = np.zeros((*lists.shape, len(FEATURE_NAMES)), np.float32)
    for row in range(len(lists)):
        # One user at a time: histories differ in length, and padding them would cost more than this loop.
        liked = history.indices[history.indptr[row] : history.indptr[row + 1]]
        if not len(liked):
            continue
        cosines = unit[np.maximum(lists[row], 0)] @ unit[liked].T
        nearest = min(NEAREST_COUNT, len(liked))
        closest = np.partition(cosines, len(liked) - nearest, axis=1)[:, len(liked) - nearest :]
        found[row, :, 0] = closest.max(axis=1)
        found[row, :, 1] = closest.mean(axis=1)
        found[row, :, 2] = np.maximum(cosines, 0).mean(axis=1)
    return found

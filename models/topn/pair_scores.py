"""The exact scores of single pairs of users and items, without loading torch."""

from __future__ import annotations

import numpy as np

from models.dataset import FloatArray, IntArray
from models.topn.numba_kernels import score_pairs


def compute_exact_scores(
    users: FloatArray, items: FloatArray, rows: IntArray, columns: IntArray
) -> FloatArray:
    """Compute the exact scores of the pairs `(rows, columns)`, as `models.topn.exact.find_top_n` does.

    Args:
        users: `(users, d) float32`.
        items: `(items, d) float32`.
        rows: `(pairs,)` indices of users.
        columns: `(pairs,)` indices of items.

    Returns:
        `(pairs,) float32`.
    """
    scores = np.empty(len(rows), np.float32)
    score_pairs(
        np.ascontiguousarray(users, np.float32),
        np.ascontiguousarray(items, np.float32),
        rows,
        columns,
        scores,
    )
    return scores

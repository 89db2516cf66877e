"""Ranks of relevant items without sorting: a compiled count of better items that stops at the k-th."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

CHUNK = 64
"""Items compared between two checks for k better ones: LLVM vectorises an inner loop of fixed length."""


@numba.njit(cache=True, nogil=True)
def rank_items(rest: Any, weight: Any, scores: Any, user: Any, item: Any, k: int) -> Any:
    """Count the items that rank before each of some items by `rest + weight * scores`, at most `k`.

    The weight search asks for many blends of the same scores, so the sum is made item by item instead of as a
    matrix. Equal scores rank by item, as they do on lists. An item that may not be recommended, whose score
    is minus infinity, has rank `k`.

    Args:
        rest: `(users, items) float32`.
        weight: `float32`, not 0.
        scores: `(users, items) float32`.
        user: `(pairs,)` rows.
        item: `(pairs,)` columns.
        k: Length of the list.

    Returns:
        `(pairs,) int64`, 0 for the best item.
    """
    found = np.empty(len(user), np.int64)
    items = rest.shape[1]
    for pair in range(len(user)):
        row, place = user[pair], item[pair]
        # The comparison must repeat this sum exactly: another order of operations gives other last bits.
        own = rest[row, place] + weight * scores[row, place]
        before = k if own == -np.inf else 0
        start = 0
        while start < items and before < k:
            for other in range(start, min(start + CHUNK, items)):
                score = rest[row, other] + weight * scores[row, other]
                before += (score > own) | ((score == own) & (other < place))
            start += CHUNK
        found[pair] = min(before, k)
    return found

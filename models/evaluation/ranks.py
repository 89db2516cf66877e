"""Where the right answers stand in a ranking, without making the list: compiled, and ended at the k-th better item."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

CHUNK = 64
"""Items that are compared before it is asked whether there are k better ones already."""


@numba.njit(cache=True, nogil=True)
def ranks(rest: Any, weight: Any, scores: Any, user: Any, item: Any, k: int) -> Any:
    """For each pair of user and item how many items rank before it by `rest + weight * scores`, at most `k`.

    Equal scores rank by item, as they do on lists. An item that may not be recommended, whose score is minus infinity,
    has rank `k`.

    Args:
        rest: `(users, items) float32`.
        weight: `float32`, not 0.
        scores: `(users, items) float32`.
        user: `(pairs,)` rows.
        item: `(pairs,)` columns.
        k: Length of the list.
    """
    found = np.empty(len(user), np.int64)
    items = rest.shape[1]
    for pair in range(len(user)):
        row, place = user[pair], item[pair]
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

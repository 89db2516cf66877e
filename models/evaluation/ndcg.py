"""NDCG@k: discounted gains of the hits, relative to the best possible list."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.evaluation.hits import Hits


def ndcg_at_k(hits: Hits, k: int) -> NDArray[np.float64]:
    """Compute NDCG@k: the sum of `1 / log2(place + 1)` over hits, relative to the best possible list.

    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002, with binary gains.

    Returns:
        `(users,)` values in [0, 1]; 0 for users without relevant items.
    """
    near = hits.is_within(k)
    gains = np.bincount(
        hits.user[near], weights=1 / np.log2(hits.rank[near] + 2), minlength=len(hits.relevant_counts)
    )
    # The first entry is for users without relevant items: 0 / 1 = 0.
    ideal = np.concatenate([[1.0], np.cumsum(1 / np.log2(np.arange(k) + 2))])
    return gains / ideal[np.minimum(hits.relevant_counts, k)]

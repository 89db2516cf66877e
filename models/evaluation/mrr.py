"""MRR@k: the reciprocal rank of the first relevant item."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.evaluation.hits import Hits


def mrr_at_k(hits: Hits, k: int) -> NDArray[np.float64]:
    """Return `(users,)` one over the place (from 1) of the first hit among the first k, 0 without one."""
    value = np.zeros(len(hits.relevant_counts))
    near = hits.is_within(k)
    np.maximum.at(value, hits.user[near], 1 / (hits.rank[near] + 1))
    return value

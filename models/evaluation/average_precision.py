"""MAP@k: precision at each hit, averaged over the relevant items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.evaluation.lists import Judged


def average_precision(judged: Judged, k: int) -> NDArray[np.float64]:
    """`(users,)` sum over hits of the precision at their place, over the number of relevant items."""
    near = judged.rank < k
    user, rank = judged.user[near], judged.rank[near]
    first = np.searchsorted(user, user)  # position of each user's first hit
    precision = (np.arange(len(user)) - first + 1) / (rank + 1)
    return np.bincount(user, weights=precision, minlength=len(judged.relevant)) / np.maximum(
        judged.relevant, 1
    )

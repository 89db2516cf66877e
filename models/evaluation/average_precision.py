"""MAP@k: the precision at each hit, averaged over the relevant items."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.evaluation.hits import Hits


def average_precision_at_k(hits: Hits, k: int) -> NDArray[np.float64]:
    """Compute average precision at k: the sum of the precision at each hit, over the relevant items.

    The divisor is the number of all relevant items, also where it is above k.

    Returns:
        `(users,)` values in [0, 1]; 0 for users without relevant items.
    """
    near = hits.is_within(k)
    user, rank = hits.user[near], hits.rank[near]
    first = np.searchsorted(user, user)  # position of each user's first hit
    precision = (np.arange(len(user)) - first + 1) / (rank + 1)
    return np.bincount(user, weights=precision, minlength=len(hits.relevant_counts)) / np.maximum(
        hits.relevant_counts, 1
    )

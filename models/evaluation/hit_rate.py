"""HitRate@k: whether any item of the list is relevant."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.evaluation.hits import Hits


def hit_rate_at_k(hits: Hits, k: int) -> NDArray[np.float64]:
    """Return `(users,)` 1 with at least one hit among the first k places, else 0."""
    counts = np.bincount(hits.user[hits.is_within(k)], minlength=len(hits.relevant_counts))
    return (counts > 0).astype(np.float64)

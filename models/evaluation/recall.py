"""Recall@k: the share of a user's relevant items that is on the list."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.evaluation.hits import Hits


def recall_at_k(hits: Hits, k: int) -> NDArray[np.float64]:
    """Return `(users,)` hits among the first k places over relevant items; 0 for users with none."""
    counts = np.bincount(hits.user[hits.is_within(k)], minlength=len(hits.relevant_counts))
    return counts / np.maximum(hits.relevant_counts, 1)

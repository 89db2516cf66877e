"""Precision@k: the share of the list's k places that is relevant."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.evaluation.hits import Hits


def precision_at_k(hits: Hits, k: int) -> NDArray[np.float64]:
    """Return `(users,)` hits among the first k places over k."""
    return np.bincount(hits.user[hits.is_within(k)], minlength=len(hits.relevant_counts)) / k

"""Recall@k: the share of a user's relevant items that is on the list."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.evaluation.lists import Judged


def recall(judged: Judged, k: int) -> NDArray[np.float64]:
    """`(users,)` hits among the first k places over relevant items; 0 for users with none."""
    hits = np.bincount(judged.user[judged.rank < k], minlength=len(judged.relevant))
    return hits / np.maximum(judged.relevant, 1)

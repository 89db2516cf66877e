"""HitRate@k: whether anything on the list is relevant."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.evaluation.lists import Judged


def hit_rate(judged: Judged, k: int) -> NDArray[np.float64]:
    """`(users,)` 1 with at least one hit among the first k places, else 0."""
    hits = np.bincount(judged.user[judged.rank < k], minlength=len(judged.relevant))
    return (hits > 0).astype(np.float64)

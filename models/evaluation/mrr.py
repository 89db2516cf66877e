"""MRR@k: how far down the first relevant item stands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.evaluation.lists import Judged


def mrr(judged: Judged, k: int) -> NDArray[np.float64]:
    """`(users,)` one over the place (from 1) of the first hit among the first k, 0 without one."""
    value = np.zeros(len(judged.relevant))
    near = judged.rank < k
    np.maximum.at(value, judged.user[near], 1 / (judged.rank[near] + 1))
    return value

"""NDCG@k: hits count less further down, against the best possible list."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.evaluation.lists import Judged


def ndcg(judged: Judged, k: int) -> NDArray[np.float64]:
    """`(users,)` sum of `1 / log2(place + 1)` over hits, divided by that of all relevant items on top.

    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", TOIS 2002, with binary gains.
    """
    near = judged.rank < k
    gains = np.bincount(
        judged.user[near], weights=1 / np.log2(judged.rank[near] + 2), minlength=len(judged.relevant)
    )
    ideal = np.concatenate([[1.0], np.cumsum(1 / np.log2(np.arange(k) + 2))])  # 1 for nobody: 0 / 1 = 0
    return gains / ideal[np.minimum(judged.relevant, k)]

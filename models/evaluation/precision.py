"""Precision@k: the share of the list's k places that is relevant."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.evaluation.lists import Judged


def precision(judged: Judged, k: int) -> NDArray[np.float64]:
    """`(users,)` hits among the first k places over k."""
    return np.bincount(judged.user[judged.rank < k], minlength=len(judged.relevant)) / k

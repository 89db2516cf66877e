"""Coverage and Gini: how much of the catalogue the lists show, and how evenly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.data import BoolArray


def exposure(lists: NDArray[np.int32], items: int) -> NDArray[np.int64]:
    """`(items,)` how many lists show each item."""
    return np.bincount(lists[lists >= 0], minlength=items)


def coverage(lists: NDArray[np.int32], candidates: BoolArray) -> float:
    """Share of the candidates that stand on at least one list."""
    shown = exposure(lists, len(candidates))[candidates]
    return float((shown > 0).mean()) if len(shown) else 0.0


def gini(lists: NDArray[np.int32], candidates: BoolArray) -> float:
    """Gini index of the candidates' exposure: 0 where all are shown alike, near 1 where one is shown to all."""
    shown = np.sort(exposure(lists, len(candidates))[candidates])
    if not shown.sum():
        return 0.0
    n = len(shown)
    return float(((2 * np.arange(1, n + 1) - n - 1) * shown).sum() / (n * shown.sum()))

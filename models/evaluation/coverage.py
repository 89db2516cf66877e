"""Catalogue coverage and Gini index: how much of the catalogue the lists show, and how evenly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.dataset import BoolArray


def count_exposure(lists: NDArray[np.int32], items: int) -> NDArray[np.int64]:
    """Count the lists that show each item: `(items,)`."""
    return np.bincount(lists[lists >= 0], minlength=items)


def compute_coverage(lists: NDArray[np.int32], candidates: BoolArray) -> float:
    """Compute the share of the candidates that are on at least one list."""
    shown = count_exposure(lists, len(candidates))[candidates]
    return float((shown > 0).mean()) if len(shown) else 0.0


def compute_gini_index(lists: NDArray[np.int32], candidates: BoolArray) -> float:
    """Compute the Gini index of the candidates' exposure.

    0 where all are shown equally often, near 1 where one item is shown to all.
    """
    shown = np.sort(count_exposure(lists, len(candidates))[candidates])
    if not shown.sum():
        return 0.0
    # The mean absolute difference of all pairs, from sorted counts instead of pairs.
    n = len(shown)
    return float(((2 * np.arange(1, n + 1) - n - 1) * shown).sum() / (n * shown.sum()))

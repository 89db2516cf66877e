"""Fairness towards brands and price bands: whether lists show groups as often as people choose them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.data import FloatArray, IntArray, StringArray


def price_bands(price: FloatArray, bands: int = 4) -> IntArray:
    """`(items,)` quantile band of each price, and `bands` for an unknown one."""
    known = np.isfinite(price)
    edges = np.quantile(price[known], np.arange(1, bands) / bands) if known.any() else np.zeros(bands - 1)
    return np.where(known, np.searchsorted(edges, price, side="right"), bands).astype(np.int64)


def groups_of(names: StringArray) -> IntArray:
    """`(items,)` a number for each distinct name."""
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def disparity(lists: NDArray[np.int32], groups: IntArray, relevant: sparse.csr_matrix) -> float:
    """Jensen-Shannon divergence in bits between the groups' share of places and of what people chose: 0 to 1."""
    count = int(groups.max()) + 1
    shown = np.bincount(groups[lists[lists >= 0]], minlength=count).astype(np.float64)
    chosen = np.bincount(groups[relevant.indices], minlength=count).astype(np.float64)
    if not shown.sum() or not chosen.sum():
        return 0.0
    p, q = shown / shown.sum(), chosen / chosen.sum()
    middle = (p + q) / 2
    return float((_divergence(p, middle) + _divergence(q, middle)) / 2)


def _divergence(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    some = p > 0
    return float((p[some] * np.log2(p[some] / q[some])).sum())

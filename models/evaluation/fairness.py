"""Fairness towards brands and price bands: shares of list places compared with shares of choices."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.dataset import FloatArray, IntArray, StringArray


def assign_price_bands(price: FloatArray, bands: int = 4) -> IntArray:
    """Return `(items,)` the quantile band of each price, and `bands` for an unknown one."""
    known = np.isfinite(price)
    edges = np.quantile(price[known], np.arange(1, bands) / bands) if known.any() else np.zeros(bands - 1)
    return np.where(known, np.searchsorted(edges, price, side="right"), bands).astype(np.int64)


def number_groups(names: StringArray) -> IntArray:
    """Return `(items,)` a number from 0 for each distinct name."""
    return np.unique(names, return_inverse=True)[1].astype(np.int64)


def compute_disparity(lists: NDArray[np.int32], groups: IntArray, relevant: sparse.csr_matrix) -> float:
    """Compute the Jensen-Shannon divergence between the groups' shares of list places and of users' choices.

    Lin, "Divergence measures based on the Shannon entropy", IEEE Transactions on Information Theory 1991, eq.
    3.4.

    Args:
        lists: `(users, k)`, -1 for none.
        groups: `(items,)` group of each item.
        relevant: `(users, items)`, an entry where a user chose an item.

    Returns:
        Bits: 0 where the shares are equal, 1 where no group has both. 0 without lists or choices.
    """
    count = int(groups.max()) + 1
    shown = np.bincount(groups[lists[lists >= 0]], minlength=count).astype(np.float64)
    chosen = np.bincount(groups[relevant.indices], minlength=count).astype(np.float64)
    if not shown.sum() or not chosen.sum():
        return 0.0
    p, q = shown / shown.sum(), chosen / chosen.sum()
    middle = (p + q) / 2
    return float((_compute_divergence(p, middle) + _compute_divergence(q, middle)) / 2)


def _compute_divergence(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Compute the Kullback-Leibler divergence in bits; groups without weight add nothing."""
    some = p > 0
    return float((p[some] * np.log2(p[some] / q[some])).sum())

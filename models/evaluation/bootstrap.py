"""Bootstrap over users: confidence intervals of means, and of differences on the same users."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RESAMPLES_PER_BLOCK = 64
"""Draws in memory at a time; the last bits of the products depend on it."""


class Interval(NamedTuple):
    """A mean, and the bounds of its confidence interval."""

    value: float
    low: float
    high: float


def bootstrap_means(values: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    """Compute column means over users drawn with replacement, the same draw for all columns.

    Args:
        values: `(users, columns)`, a column for each thing measured on the same users.
        resamples: How many draws.
        seed: Seed of the draws.

    Returns:
        `(resamples, columns)`.
    """
    users = len(values)
    random = np.random.default_rng(seed)
    means = np.empty((resamples, values.shape[1]))
    for start in range(0, resamples, RESAMPLES_PER_BLOCK):
        size = min(RESAMPLES_PER_BLOCK, resamples - start)
        drawn = random.integers(0, users, (size, users))
        # One column is gathered; for more, a matrix product with how often each user was drawn is faster.
        if values.shape[1] == 1:
            means[start : start + size, 0] = values[drawn, 0].mean(axis=1)
            continue
        counts = np.zeros((size, users))
        for row in range(size):
            counts[row] = np.bincount(drawn[row], minlength=users)
        means[start : start + size] = counts @ values / users
    return means


def bootstrap_intervals(
    values: NDArray[np.float64], resamples: int = 1000, seed: int = 0, confidence: float = 0.95
) -> list[Interval]:
    """Compute a percentile interval of the mean of each column (Efron and Tibshirani 1993, chapter 13).

    Args:
        values: `(users, columns)`.
        resamples: How many draws.
        seed: Seed of the draws.
        confidence: Probability mass between the bounds.

    Returns:
        One interval for each column; NaN without users.
    """
    if not len(values):
        return [Interval(np.nan, np.nan, np.nan)] * values.shape[1]
    means = bootstrap_means(values, resamples, seed)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    return [
        Interval(float(m), float(a), float(b)) for m, a, b in zip(values.mean(axis=0), low, high, strict=True)
    ]


def bootstrap_difference(
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    resamples: int = 1000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Interval:
    """Compute the interval of `mean(left - right)`, both `(users,)` on the same users."""
    return bootstrap_intervals((left - right)[:, None], resamples, seed, confidence)[0]

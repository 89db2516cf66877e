"""Standardisation: scores of different members on one scale for each user, still in factored form."""

from __future__ import annotations

import numpy as np

from models.data import FloatArray
from models.interface import Factors

MIN_RELATIVE_DEVIATION = 1e-6
"""A user whose scores deviate by less than this share of their size has no preference; all their scores
become 0.

Such deviations are rounding errors, which scaling would make as large as real preferences."""
BLOCK = 8192
"""Users whose factors are in float64 at a time."""


def standardise_factors(factors: Factors) -> Factors:
    """Scale factors so that each user's scores have mean 0 and standard deviation 1 over the items the member knows.

    Mean and deviation follow from the items' mean and covariance, without making the scores. An item that the
    member cannot score (a row of zeros) keeps 0: it counts as average, neither best nor worst. One column is
    added, which subtracts the user's mean from known items.
    """
    items = factors.items.astype(np.float64)
    is_known = (items != 0).any(axis=1)
    if not is_known.any():
        return Factors(np.zeros((len(factors.users), 1), np.float32), np.zeros((len(items), 1), np.float32))
    mean_item = items[is_known].mean(axis=0)
    centred = items[is_known] - mean_item
    covariance = centred.T @ centred / is_known.sum()
    second = covariance + np.outer(mean_item, mean_item)
    users = np.zeros((len(factors.users), items.shape[1] + 1), np.float32)
    for start in range(0, len(users), BLOCK):
        block = factors.users[start : start + BLOCK].astype(np.float64)
        mean = block @ mean_item
        deviation = np.sqrt(np.maximum(((block @ covariance) * block).sum(axis=1), 0))
        size = np.sqrt(np.maximum(((block @ second) * block).sum(axis=1), 0))
        has_opinion = deviation > MIN_RELATIVE_DEVIATION * np.maximum(size, 1e-12)
        scale = np.where(has_opinion, 1 / np.maximum(deviation, 1e-30), 0)
        users[start : start + BLOCK, :-1] = block * scale[:, None]
        users[start : start + BLOCK, -1] = -mean * scale
    return Factors(users, np.hstack([factors.items, is_known[:, None]]).astype(np.float32))


def standardise_scores(scores: FloatArray) -> FloatArray:
    """Standardise each user's scores in place to mean 0 and standard deviation 1; to 0 where they are all equal.

    Args:
        scores: `(users, items) float32`, changed.

    Returns:
        The same array.
    """
    mean = scores.mean(axis=1, keepdims=True)
    scores -= mean
    deviation = np.sqrt(np.einsum("ui,ui->u", scores, scores) / max(scores.shape[1], 1))[:, None]
    has_opinion = deviation > MIN_RELATIVE_DEVIATION * np.maximum(np.abs(mean), 1e-12)
    scores *= np.where(has_opinion, 1 / np.maximum(deviation, 1e-30), 0).astype(np.float32)
    return scores


def multiply_factors(factors: Factors) -> FloatArray:
    """Multiply factors into `(users, items) float32` scores."""
    return factors.users @ factors.items.T

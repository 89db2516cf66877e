"""Standardisation: scores of different members on one scale for each user, still in factored form."""

from __future__ import annotations

import numpy as np

from models.dataset import FloatArray
from models.recommender_interface import Factors

MIN_RELATIVE_DEVIATION = 1e-6
"""Deviation, as a share of the scores' size, below which a user has no preference and all scores become 0.

Such deviations are rounding errors, which scaling would make as large as real preferences."""
BLOCK_USERS = 8192
"""Users whose factors are in float64 at a time."""


def standardise_factors(factors: Factors) -> Factors:
    """Scale factors so that each user's scores of known items have mean 0 and standard deviation 1.

    Mean and deviation follow from the items' mean and covariance, without making the scores. An item that the
    member cannot score (a row of zeros) keeps 0: it counts as average, neither best nor worst. One column is
    added, which subtracts the user's mean from known items.
    """
    items = factors.items.astype(np.float64)
    is_known = (items != 0).any(axis=1)
    if not is_known.any():
        return Factors(np.zeros((len(factors.users), 1), np.float32), np.zeros((len(items), 1), np.float32))
    # Float64: the variance is a small difference of large products where scores are large.
    mean_item = items[is_known].mean(axis=0)
    centred = items[is_known] - mean_item
    covariance = centred.T @ centred / is_known.sum()
    # From it follows the root mean square of a user's scores, their size.
    second_moment = covariance + np.outer(mean_item, mean_item)
    users = np.zeros((len(factors.users), items.shape[1] + 1), np.float32)
    for start in range(0, len(users), BLOCK_USERS):
        block = factors.users[start : start + BLOCK_USERS].astype(np.float64)
        mean = block @ mean_item
        deviation = np.sqrt(np.maximum(((block @ covariance) * block).sum(axis=1), 0))
        size = np.sqrt(np.maximum(((block @ second_moment) * block).sum(axis=1), 0))
        has_opinion = deviation > MIN_RELATIVE_DEVIATION * np.maximum(size, 1e-12)
        scale = np.where(has_opinion, 1 / np.maximum(deviation, 1e-30), 0)
        users[start : start + BLOCK_USERS, :-1] = block * scale[:, None]
        users[start : start + BLOCK_USERS, -1] = -mean * scale
    return Factors(users, np.hstack([factors.items, is_known[:, None]]).astype(np.float32))


def standardise_scores(scores: FloatArray) -> FloatArray:
    """Standardise each user's scores in place to mean 0 and deviation 1; to 0 if all are equal.

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

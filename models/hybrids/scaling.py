"""Members on one scale: scores centred and scaled for each user, still in factored form."""

from __future__ import annotations

import numpy as np

from models.data import FloatArray
from models.interface import Factors

FLAT = 1e-6
"""A user whose scores spread less than this share of their size has no opinion; all their scores become 0."""
BLOCK = 8192


def standardised(factors: Factors) -> Factors:
    """Factors whose scores have, for each user, mean 0 and standard deviation 1 over the items the member knows.

    An item that the member cannot score (a row of zeros) keeps 0: it counts as average, neither best nor worst.
    One column is added.
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
        spread = np.sqrt(np.maximum(((block @ covariance) * block).sum(axis=1), 0))
        size = np.sqrt(np.maximum(((block @ second) * block).sum(axis=1), 0))
        has_opinion = spread > FLAT * np.maximum(size, 1e-12)
        scale = np.where(has_opinion, 1 / np.maximum(spread, 1e-30), 0)
        users[start : start + BLOCK, :-1] = block * scale[:, None]
        users[start : start + BLOCK, -1] = -mean * scale
    return Factors(users, np.hstack([factors.items, is_known[:, None]]).astype(np.float32))


def standardised_scores(scores: FloatArray) -> FloatArray:
    """The scores, changed in place, with mean 0 and standard deviation 1 for each user; 0 where they are all alike."""
    mean = scores.mean(axis=1, keepdims=True)
    scores -= mean
    spread = np.sqrt(np.einsum("ui,ui->u", scores, scores) / max(scores.shape[1], 1))[:, None]
    has_opinion = spread > FLAT * np.maximum(np.abs(mean), 1e-12)
    scores *= np.where(has_opinion, 1 / np.maximum(spread, 1e-30), 0).astype(np.float32)
    return scores


def scores_of(factors: Factors) -> FloatArray:
    """`(users, items) float32`."""
    return factors.users @ factors.items.T

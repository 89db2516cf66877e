"""Boosts of campaigns, as a dimension of the factors, without loading torch."""

from __future__ import annotations

import numpy as np

from models.dataset import FloatArray, IntArray
from models.recommender_interface import Factors


def add_boosts(factors: Factors, boosts: FloatArray, country: IntArray) -> Factors:
    """Add campaign boosts to the scores, as one further dimension of the factors for each country.

    Args:
        factors: Factors of some users and the whole catalogue.
        boosts: `(countries, items)` in standard deviations of the user's scores.
        country: `(users,)` code of each user's country.
    """
    here = np.flatnonzero(boosts.any(axis=1))
    if not len(here):
        return factors
    # A user's deviation times the boost: the same boost moves a phone equally far on every user's list.
    scale = compute_score_deviation(factors)
    # Zero for users of other countries, so that they do not see the boost.
    switch = (country[:, None] == here[None, :]) * scale[:, None]
    return Factors(
        np.hstack([factors.users, switch.astype(np.float32)]), np.hstack([factors.items, boosts[here].T])
    )


def compute_score_deviation(factors: Factors) -> FloatArray:
    """Compute the standard deviation of each user's scores over the catalogue from the items' covariance.

    In float64, because the variance is a small difference of large products where the mean score is large.

    Returns:
        `(users,) float32`.
    """
    centred = factors.items.astype(np.float64) - factors.items.mean(axis=0, dtype=np.float64)
    covariance = centred.T @ centred / max(1, len(centred))
    users = factors.users.astype(np.float64)
    variance = np.einsum("ud,ud->u", users @ covariance, users)
    return np.sqrt(np.maximum(variance, 0)).astype(np.float32)

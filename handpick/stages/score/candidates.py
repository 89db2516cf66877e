"""Candidate generation: each user's best allowed phones, from which re-ranking makes the list."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from scipy import sparse

from handpick.stages.score.rules import Rules
from handpick.stages.score.topn_engines import Engine
from models.dataset import FloatArray, IntArray
from models.recommender_interface import Factors
from models.topn.exact import TopN, find_top_n


def find_candidates(
    factors: Factors,
    rules: Rules,
    users: IntArray,
    size: int,
    *,
    relaxed: Collection[str] = (),
    taken: sparse.csr_matrix | None = None,
    engine: Engine = find_top_n,
) -> TopN:
    """Find the best allowed phones of some users.

    Args:
        factors: Factors of these users and the whole catalogue.
        rules: The night's rules.
        users: Indices into the dataset's users.
        size: Candidates for each user.
        relaxed: Names of rules that are not applied.
        taken: `(len(users), items)`, an entry for each phone that is already on the user's list.
        engine: Runs the top-N.

    Returns:
        `(len(users), size)`, rows in the order of `users`.
    """
    kind_of, allowed = rules.find_allowed_by_kind(relaxed)
    excluded = rules.find_excluded_pairs(relaxed)[users]
    if taken is not None:
        excluded = (excluded + taken).tocsr()
    return engine(factors, size, exclude=excluded, allowed=allowed, kind=kind_of[users])


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

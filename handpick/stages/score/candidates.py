"""The pool: each user's best allowed phones, from which re-ranking makes the list."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
from scipy import sparse

from handpick.stages.score.engine import Engine
from handpick.stages.score.rules import Rules
from models.data import FloatArray, IntArray
from models.interface import Factors
from models.topn.exact import TopN, top_n


def pools(
    factors: Factors,
    rules: Rules,
    users: IntArray,
    size: int,
    *,
    relaxed: Collection[str] = (),
    taken: sparse.csr_matrix | None = None,
    engine: Engine = top_n,
) -> TopN:
    """The `size` best allowed phones of some users, rows in the order of `users`.

    Args:
        factors: Of these users and the whole catalogue.
        relaxed: Rules that do not count.
        taken: `(len(users), items)`: what is on the list already.
        engine: Where the top-N runs.
    """
    kind_of, allowed = rules.by_kind(relaxed)
    barred = rules.by_pair(relaxed)[users]
    if taken is not None:
        barred = (barred + taken).tocsr()
    return engine(factors, size, exclude=barred, allowed=allowed, kind=kind_of[users])


def boosted(factors: Factors, boosts: FloatArray, country: IntArray) -> Factors:
    """The factors with campaign boosts as further dimensions.

    Args:
        boosts: `(countries, items)` in standard deviations of the user's scores.
        country: `(users,)` code of each user's country.
    """
    here = np.flatnonzero(boosts.any(axis=1))
    if not len(here):
        return factors
    scale = spread(factors)
    switch = (country[:, None] == here[None, :]) * scale[:, None]
    return Factors(
        np.hstack([factors.users, switch.astype(np.float32)]), np.hstack([factors.items, boosts[here].T])
    )


def spread(factors: Factors) -> FloatArray:
    """`(users,)`: standard deviation of each user's scores over the catalogue, without making the scores."""
    centred = factors.items.astype(np.float64) - factors.items.mean(axis=0, dtype=np.float64)
    covariance = centred.T @ centred / max(1, len(centred))
    users = factors.users.astype(np.float64)
    variance = np.einsum("ud,ud->u", users @ covariance, users)
    return np.sqrt(np.maximum(variance, 0)).astype(np.float32)

"""The cascade hybrid: one member proposes candidates, another one ranks them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.dataset import Dataset, FloatArray, IntArray
from models.recommender_interface import Factors, Recommender


@dataclass(frozen=True)
class Cascade:
    """The second member's ranking of the first one's candidates, then the first one's of the rest.

    A cascade has no low-rank factors: its users' factors are its scores, its items' factors the identity.
    Burke, "Hybrid recommender systems: survey and experiments", UMUAI 2002, section 3.2.
    """

    first: Recommender
    second: Recommender
    candidates: int
    name: str = "cascade"

    def score(self, data: Dataset, users: IntArray) -> FloatArray:
        """Score by place: `(len(users), items) float32`, the best item highest."""
        return combine_cascade(self.first.score(data, users), self.second.score(data, users), self.candidates)

    def factors(self, data: Dataset, users: IntArray) -> Factors:
        """Return the scores as users' factors, and the identity as items' factors."""
        return Factors(self.score(data, users), np.eye(len(data.catalogue), dtype=np.float32))


def combine_cascade(first: FloatArray, second: FloatArray, candidates: int) -> FloatArray:
    """Combine two members' scores into a cascade's.

    Args:
        first: `(users, items)` scores of the member that proposes.
        second: `(users, items)` scores of the member that ranks.
        candidates: How many items the first member proposes.

    Returns:
        `(users, items)`: in (1, 2] for candidates, by the second member; in (0, 1] for the rest, by the
        first.
    """
    proposed = _rank_items(first)
    ranked = _rank_items(second)
    items = first.shape[1]
    is_candidate = proposed < candidates
    # Places instead of scores: the two members' scores have different scales.
    scores = np.where(is_candidate, 2 - ranked / items, 1 - proposed / items)
    return scores.astype(np.float32)


def _rank_items(scores: FloatArray) -> IntArray:
    """Return each item's rank for each user, 0 for the best, ties by item."""
    order = np.argsort(-scores, axis=1, kind="stable")
    places = np.empty_like(order)
    np.put_along_axis(places, order, np.arange(scores.shape[1])[None, :], axis=1)
    return places

"""The cascade: one member proposes candidates, another one ranks them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.data import Dataset, FloatArray, IntArray
from models.interface import Factors, Recommender


@dataclass(frozen=True)
class Cascade:
    """The second member's ranking of the first one's best candidates, then the first one's ranking of the rest.

    A cascade has no narrow factors: they are its scores beside the identity. Burke, "Hybrid recommender systems:
    survey and experiments", UMUAI 2002, section 3.2.
    """

    first: Recommender
    second: Recommender
    candidates: int
    name: str = "cascade"

    def score(self, data: Dataset, users: IntArray) -> FloatArray:
        """`(len(users), items) float32`: places, the best item highest."""
        return cascaded(self.first.score(data, users), self.second.score(data, users), self.candidates)

    def factors(self, data: Dataset, users: IntArray) -> Factors:
        """The scores themselves."""
        return Factors(self.score(data, users), np.eye(len(data.catalogue), dtype=np.float32))


def cascaded(first: FloatArray, second: FloatArray, candidates: int) -> FloatArray:
    """`(users, items)`: scores in (1, 2] for the first's best candidates by the second, in (0, 1] for the rest."""
    proposed = _places(first)
    ranked = _places(second)
    items = first.shape[1]
    is_candidate = proposed < candidates
    scores = np.where(is_candidate, 2 - ranked / items, 1 - proposed / items)
    return scores.astype(np.float32)


def _places(scores: FloatArray) -> IntArray:
    """Each item's place for each user, 0 the best, ties by item."""
    order = np.argsort(-scores, axis=1, kind="stable")
    places = np.empty_like(order)
    np.put_along_axis(places, order, np.arange(scores.shape[1])[None, :], axis=1)
    return places

"""The weighted hybrid: a sum of standardised members, with weights by activity segment learned on validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.data import Dataset, FloatArray, IntArray, StringArray
from models.hybrids.scaling import scores_of, standardised
from models.hybrids.segments import segments
from models.interface import Factors, Recommender

Weights = Mapping[str, float]


@dataclass(frozen=True)
class Blend:
    """`score(u, i) = sum over members m of weight[segment(u), m] * standardised score_m(u, i)`.

    It stays factored: the members' factors side by side, each user's part times the weight of their segment.

    Args:
        members: Fitted members by name; those without a weight anywhere are not asked.
        weights: For each segment the weights of its members; missing ones are 0.
        bounds: Lower ends of the activity segments.
    """

    members: Mapping[str, Recommender]
    weights: Mapping[str, Weights]
    bounds: Sequence[int]
    name: str = "weighted"

    @property
    def used(self) -> list[str]:
        """Members with a weight in some segment, by name."""
        return sorted({name for part in self.weights.values() for name, weight in part.items() if weight})

    def segments(self, data: Dataset, users: IntArray) -> StringArray:
        """Each user's segment."""
        return segments(data, users, self.bounds)

    def sources(self, data: Dataset, users: IntArray) -> StringArray:
        """`(users,)`: the members behind each user's scores, heaviest first, as `fusion+item_cosine`."""
        names = {
            segment: "+".join(sorted((m for m, w in part.items() if w), key=lambda m: (-part[m], m)))
            for segment, part in self.weights.items()
        }
        return np.array([names[segment] for segment in self.segments(data, users)], dtype=str)

    def factors(self, data: Dataset, users: IntArray) -> Factors:
        """The weighted members' factors side by side.

        Raises:
            KeyError: If a weighted member is not among `members`.
        """
        found = self.segments(data, users)
        parts = []
        for name in self.used:
            weight = np.array([self.weights[segment].get(name, 0.0) for segment in found], np.float32)
            scaled = standardised(self.members[name].factors(data, users))
            parts.append(Factors(scaled.users * weight[:, None], scaled.items))
        return Factors(
            np.ascontiguousarray(np.hstack([part.users for part in parts])),
            np.ascontiguousarray(np.hstack([part.items for part in parts])),
        )

    def score(self, data: Dataset, users: IntArray) -> FloatArray:
        """`(len(users), items) float32`."""
        return scores_of(self.factors(data, users))

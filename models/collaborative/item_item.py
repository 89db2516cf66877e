"""Members that are one item-item matrix: a user's score is their history times that matrix."""

from __future__ import annotations

import numpy as np

from models.collaborative.base import Arrays, Member, low_rank
from models.data import Dataset, FloatArray, IntArray
from models.interface import Factors


class ItemItem(Member):
    """`score(u, i) = sum over j in u's history of preference(u, j) * weights[j, i]`.

    Catalogues of more than `config.rank` items keep the best approximation of that rank, so that the factors of any
    number of users fit in memory.
    """

    def weights(self, data: Dataset, seed: int) -> FloatArray:
        """`(items, items) float32`, the influence of each item (row) on each other (column)."""
        raise NotImplementedError

    def learn(self, data: Dataset, seed: int) -> Arrays:
        """The item-item matrix, whole or as two thin ones."""
        weights = self.weights(data, seed)
        if len(weights) <= self.config.rank:
            return {"weights": weights.astype(np.float32)}
        left, right = low_rank(weights, self.config.rank, seed)
        return {"left": left, "right": right}

    def known_factors(self, data: Dataset, users: IntArray) -> Factors:
        """The history beside the transposed matrix, or its projection beside the thin right side."""
        history = self.history(data, users)
        if "weights" in self.arrays:
            return Factors(history.toarray(), np.ascontiguousarray(self.array("weights").T))
        return Factors(np.asarray(history @ self.array("left"), np.float32), self.array("right"))

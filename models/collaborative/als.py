"""Implicit alternating least squares by the library `implicit`; users are folded in from their history."""

from __future__ import annotations

from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from models.collaborative.base import Arrays, Member
from models.config import AlsConfig
from models.dataset import Dataset, FloatArray, IntArray
from models.recommender_interface import Factors


class Als(Member):
    """Weighted matrix factorisation for implicit feedback.

    Hu, Koren and Volinsky, "Collaborative filtering for implicit feedback datasets", ICDM 2008.
    """

    settings_class = AlsConfig
    config: AlsConfig

    def learn(self, data: Dataset, seed: int) -> Arrays:
        """Fit the items' factors; users' factors are recomputed when they are needed."""
        # One thread: sums over several threads are added in an order that differs from run to run.
        with threadpool_limits(1, "blas"):
            model = self._library(seed)
            model.fit(self.history(data, np.arange(len(data.users))), show_progress=False)
        return {"items": np.asarray(model.item_factors, np.float32)}

    def known_factors(self, data: Dataset, users: IntArray) -> Factors:
        """Solve the least squares of each user for their current history (zero without one)."""
        items = self.array("items")
        history = self.history(data, users)
        vectors = np.zeros((len(users), items.shape[1]), np.float32)
        known = np.flatnonzero(np.diff(history.indptr))
        if len(known):
            with threadpool_limits(1, "blas"):
                model = self._library(0)
                model.item_factors = items
                vectors[known] = model.recalculate_user(np.arange(len(known)), history[known])
        return Factors(vectors, items)

    def known_item_vectors(self) -> FloatArray:
        """Return the items' factors."""
        return self.array("items")

    def _library(self, seed: int) -> Any:
        """Make the library's model with this member's settings."""
        from implicit.cpu.als import AlternatingLeastSquares

        return AlternatingLeastSquares(
            factors=self.config.dim,
            regularization=self.config.regularization,
            alpha=self.config.alpha,
            iterations=self.config.iterations,
            num_threads=1,
            random_state=seed,
        )

"""Bayesian personalised ranking by the library `implicit`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.collaborative.base import Arrays, Member, find_positions
from models.config import BprConfig
from models.dataset import Dataset, FloatArray, IntArray, StringArray
from models.recommender_interface import Factors


class Bpr(Member):
    """Matrix factorisation trained on pairs of a chosen and another item.

    Rendle et al., "BPR: Bayesian personalized ranking from implicit feedback", UAI 2009. A user who was
    unknown at fitting gets the mean vector of the items that they liked.
    """

    settings_class = BprConfig
    config: BprConfig

    def learn(self, data: Dataset, seed: int) -> Arrays:
        """Fit factors of users and items; the items' last column is their bias."""
        from implicit.cpu.bpr import BayesianPersonalizedRanking

        history = self.history(data, np.arange(len(data.users)))
        model = BayesianPersonalizedRanking(
            factors=self.config.dim,
            learning_rate=self.config.learning_rate,
            regularization=self.config.regularization,
            iterations=self.config.iterations,
            num_threads=1,  # several threads update factors in an order that differs from run to run
            random_state=seed,
        )
        model.fit(history, show_progress=False)
        known = np.flatnonzero(np.diff(history.indptr))
        return {
            "items": np.asarray(model.item_factors, np.float32),
            "users": np.asarray(model.user_factors, np.float32)[known],
            "user_ids": encode_ids(data.users.user_ids[known]),
        }

    def known_factors(self, data: Dataset, users: IntArray) -> Factors:
        """Return the learned vectors of known users, and means over the history for others."""
        items, learned = self.array("items"), self.array("users")
        # Stored ids are sorted, as users are in every dataset.
        place = find_positions(decode_ids(self.arrays["user_ids"]), data.users.user_ids[users])
        history = self.history(data, users)
        vectors: FloatArray = np.asarray(history @ items, np.float32)
        total = np.maximum(np.asarray(history.sum(axis=1)), 1e-12).astype(np.float32)
        vectors /= total.reshape(-1, 1)
        vectors[:, -1] = 1  # the items' bias counts in full
        if len(learned):
            vectors = np.where((place >= 0)[:, None], learned[np.maximum(place, 0)], vectors)
        return Factors(vectors, items)


def encode_ids(ids: StringArray) -> NDArray[np.uint32]:
    """Encode ids as `(n, width) uint32` code points, which safetensors can store, unlike strings."""
    width = max(1, ids.dtype.itemsize // 4)
    return np.ascontiguousarray(ids).view(np.uint32).reshape(len(ids), width)


def decode_ids(codes: NDArray[np.generic]) -> StringArray:
    """Decode the ids that `encode_ids` encoded."""
    if not len(codes):
        return np.empty(0, dtype="U1")
    return np.ascontiguousarray(codes, np.uint32).view(f"U{codes.shape[1]}").ravel()

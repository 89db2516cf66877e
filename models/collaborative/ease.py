"""EASE^R: the closed-form linear autoencoder with a zero diagonal."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from models.collaborative.item_item import ItemItem
from models.config import EaseConfig
from models.dataset import Dataset, FloatArray


class Ease(ItemItem):
    """EASE^R: `B = I - P diag(1 / diag P)`, `P = (X'WX + λI)^-1` (Steck, WWW 2019, eq. 8).

    `W` weights the users' squared errors: by 1 as published, or less for active users, whose many pairs of
    items would otherwise decide most of `X'X`. `P` is dense: fitting needs about `3 * 8 * items^2` bytes.
    """

    settings_class = EaseConfig
    config: EaseConfig

    def describe_size_limit(self, data: Dataset) -> str:
        """Return an explanation if more than `max_items` items were liked, else an empty text."""
        items = len(np.unique(data.interactions.positive().item))
        if items <= self.config.max_items:
            return ""
        return (
            f"{items:,} items were liked, so its inverse has {items:,} x {items:,} numbers; it may have "
            f"{self.config.max_items:,} rows (max_items)"
        )

    def weights(self, data: Dataset, seed: int) -> FloatArray:  # noqa: ARG002
        """Compute `B` by one inversion in float64."""
        history = self.history(data, np.arange(len(data.users)))
        degree = np.asarray(history.sum(axis=1), np.float64).ravel()
        # Users without preferences have empty rows, which no weight changes.
        weight = np.maximum(degree, 1e-6) ** -self.config.user_degree
        gram = (history.T @ sparse.diags(weight) @ history).toarray().astype(np.float64)
        # Relative to the mean of the diagonal, so that one setting serves shops of any size.
        gram[np.diag_indices_from(gram)] += self.config.regularization * max(gram.diagonal().mean(), 1e-6)
        inverse = np.linalg.inv(gram)
        # The diagonal is zero by constraint: an item must not be predicted by itself.
        weights = -inverse / inverse.diagonal()
        np.fill_diagonal(weights, 0)
        return weights.astype(np.float32)

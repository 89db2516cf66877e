"""EASE^R: the closed-form linear autoencoder with a zero diagonal."""

from __future__ import annotations

import numpy as np

from models.collaborative.item_item import ItemItem
from models.config import EaseConfig
from models.data import Dataset, FloatArray


class Ease(ItemItem):
    """`B = I - P diag(1 / diag P)`, `P = (X'X + λI)^-1` (Steck, WWW 2019, eq. 8).

    `P` has no zeros to leave out: about `3 * 8 * items^2` bytes are needed while it is made.
    """

    settings_class = EaseConfig
    config: EaseConfig

    def too_large(self, data: Dataset) -> str:
        """More phones than its inverse may have rows."""
        items = len(np.unique(data.interactions.positive().item))
        if items <= self.config.most_items:
            return ""
        return (
            f"{items:,} phones were liked, and its inverse of {items:,} x {items:,} numbers may have "
            f"{self.config.most_items:,} rows (most_items)"
        )

    def weights(self, data: Dataset, seed: int) -> FloatArray:  # noqa: ARG002
        """`B`, by one inversion in float64."""
        history = self.history(data, np.arange(len(data.users)))
        gram = (history.T @ history).toarray().astype(np.float64)
        # Relative to the mean of the diagonal, so that one setting serves shops of any size.
        gram[np.diag_indices_from(gram)] += self.config.regularization * max(gram.diagonal().mean(), 1e-6)
        inverse = np.linalg.inv(gram)
        weights = -inverse / inverse.diagonal()
        np.fill_diagonal(weights, 0)
        return weights.astype(np.float32)

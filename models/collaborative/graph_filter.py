"""A linear graph filter: neighbours of neighbours plus an ideal low-pass filter, without training."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import LinearOperator

from models.collaborative.base import leading_directions
from models.collaborative.item_item import ItemItem
from models.config import GraphFilterConfig
from models.data import Dataset

Doubles = NDArray[np.float64]
BLOCK = 16_384
"""Users whose neighbours are summed at once."""


class GraphFilter(ItemItem):
    """`W = R~' R~ + α D^-1/2 V V' D^1/2`, `R~ = D_u^-1/2 R D^-1/2` (Shen et al., GF-CF, CIKM 2021, eq. 12)."""

    settings_class = GraphFilterConfig
    config: GraphFilterConfig

    def weights(self, data: Dataset, seed: int) -> LinearOperator:
        """`W` without its diagonal, to multiply with."""
        history = self.history(data, np.arange(len(data.users))).astype(np.float64)
        user_degree = np.maximum(np.asarray(history.sum(axis=1)).ravel(), 1e-6)
        item_degree = np.maximum(np.asarray(history.sum(axis=0)).ravel(), 1e-6)
        adjacency = (sparse.diags(user_degree**-0.5) @ history @ sparse.diags(item_degree**-0.5)).tocsr()
        passed = leading_directions(adjacency, self.config.frequencies, seed).astype(np.float64)
        low = self.config.low_pass * passed * (item_degree**-0.5)[:, None]
        return Filter(adjacency, low, passed * (item_degree**0.5)[:, None])


class Filter(LinearOperator):
    """`A'A + left right' - diagonal`, of which only products are made: `8 * BLOCK` bytes a column at a time."""

    def __init__(self, adjacency: sparse.csr_matrix, left: Doubles, right: Doubles) -> None:
        items = adjacency.shape[1]
        super().__init__(np.dtype(np.float64), (items, items))  # type: ignore[call-arg]
        self.adjacency, self.left, self.right = adjacency, left, right
        squares = np.asarray(adjacency.multiply(adjacency).sum(axis=0)).ravel()
        self.diagonal = squares + (left * right).sum(axis=1)

    def _matmat(self, x: Doubles) -> Doubles:
        return self._neighbours(x) + self.left @ (self.right.T @ x) - self.diagonal[:, None] * x

    def _rmatmat(self, x: Doubles) -> Doubles:
        return self._neighbours(x) + self.right @ (self.left.T @ x) - self.diagonal[:, None] * x

    def _neighbours(self, x: Doubles) -> Doubles:
        total = np.zeros_like(x)
        for start in range(0, self.adjacency.shape[0], BLOCK):
            rows = self.adjacency[start : start + BLOCK]
            total += rows.T @ (rows @ x)
        return total

"""A linear graph filter: neighbours of neighbours plus an ideal low-pass filter, without training."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from models.collaborative.base import leading_directions
from models.collaborative.item_item import ItemItem
from models.config import GraphFilterConfig
from models.data import Dataset, FloatArray


class GraphFilter(ItemItem):
    """`W = R~' R~ + α D^-1/2 V V' D^1/2`, `R~ = D_u^-1/2 R D^-1/2` (Shen et al., GF-CF, CIKM 2021, eq. 12)."""

    settings_class = GraphFilterConfig
    config: GraphFilterConfig

    def weights(self, data: Dataset, seed: int) -> FloatArray:
        """`W` without its diagonal."""
        history = self.history(data, np.arange(len(data.users)))
        user_degree = np.maximum(np.asarray(history.sum(axis=1)).ravel(), 1e-6)
        item_degree = np.maximum(np.asarray(history.sum(axis=0)).ravel(), 1e-6)
        adjacency = (sparse.diags(user_degree**-0.5) @ history @ sparse.diags(item_degree**-0.5)).tocsr()
        weights = (adjacency.T @ adjacency).toarray()
        passed = leading_directions(adjacency.astype(np.float64), self.config.frequencies, seed)
        low = (passed * (item_degree**-0.5)[:, None]) @ (passed * (item_degree**0.5)[:, None]).T
        weights = weights + self.config.low_pass * low
        np.fill_diagonal(weights, 0)
        return weights.astype(np.float32)

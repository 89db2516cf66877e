"""Item-item members: a user's scores are their history times one item-item matrix."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator

from models.collaborative.base import Arrays, Member
from models.collaborative.low_rank import approximate_low_rank
from models.dataset import Dataset, FloatArray, IntArray
from models.recommender_interface import Factors

Matrix = FloatArray | sparse.csr_matrix | LinearOperator


class ItemItem(Member):
    """Base of item-item members: `score(u, i) = sum over j liked by u of preference(u, j) * weights[j, i]`.

    For catalogues of more than `config.rank` items the best approximation of that rank is kept, so that the
    factors of any number of users fit in memory; their matrix is sparse or an operator, and never dense.
    """

    def weights(self, data: Dataset, seed: int) -> Matrix:
        """Compute `(items, items)`, the influence of each item (row) on each other one (column)."""
        raise NotImplementedError

    def learn(self, data: Dataset, seed: int) -> Arrays:
        """Compute the item-item matrix, dense or as two factors of rank `config.rank`."""
        weights = self.weights(data, seed)
        if weights.shape[0] <= self.config.rank:
            # Width `rank` or less: two thin matrices would not be smaller.
            return {"weights": make_dense(weights)}
        left, right = approximate_low_rank(weights, self.config.rank, seed)
        return {"left": left, "right": right}

    def known_factors(self, data: Dataset, users: IntArray) -> Factors:
        """Return histories and the transposed matrix, or projected histories and the thin right side."""
        history = self.history(data, users)
        if "weights" in self.arrays:
            return Factors(history.toarray(), np.ascontiguousarray(self.array("weights").T))
        return Factors(np.asarray(history @ self.array("left"), np.float32), self.array("right"))


def make_dense(matrix: Matrix) -> FloatArray:
    """Return the matrix as a dense float32 array."""
    if isinstance(matrix, LinearOperator):
        return np.asarray(matrix @ np.eye(matrix.shape[1]), np.float32)
    return np.asarray(matrix.toarray() if sparse.issparse(matrix) else matrix, np.float32)

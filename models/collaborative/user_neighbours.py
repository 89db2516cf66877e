"""User-based nearest neighbours: what people like you liked (cosine, or Pearson with shrinkage)."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from models.collaborative.base import Arrays, Member, leading_directions, normalised
from models.config import UserNeighboursConfig
from models.data import Dataset, FloatArray, IntArray
from models.interface import Factors

BLOCK = 1024


class UserNeighbours(Member):
    """`score(u, i)` = mean preference for i among the `neighbours` users most similar to u, weighted by similarity.

    Pearson correlates centred preferences over the items that both know and is shrunk by `n / (n + shrinkage)`,
    n being how many they are (Herlocker et al., SIGIR 1999; Bell and Koren, KDD Cup 2007).
    """

    settings_class = UserNeighboursConfig
    config: UserNeighboursConfig

    def learn(self, data: Dataset, seed: int) -> Arrays:
        """The training users' preferences, and directions to project on where the catalogue is large."""
        history = self.history(data, np.arange(len(data.users)))
        history = history[np.flatnonzero(np.diff(history.indptr))]
        kept: Arrays = {"data": history.data, "indices": history.indices, "indptr": history.indptr}
        if history.shape[1] > self.config.rank:
            kept["directions"] = leading_directions(history.astype(np.float64), self.config.rank, seed)
        return kept

    def known_factors(self, data: Dataset, users: IntArray) -> Factors:
        """The users' score rows beside the identity, or projected beside the leading directions."""
        indices, indptr = (self.arrays[name].astype(np.int64) for name in ("indices", "indptr"))
        neighbours: sparse.csr_matrix = sparse.csr_matrix(
            (self.array("data"), indices, indptr), shape=(len(indptr) - 1, len(self.item_ids))
        )
        history = self.history(data, users)
        side = (
            self.array("directions")
            if "directions" in self.arrays
            else np.eye(len(self.item_ids), dtype=np.float32)
        )
        rows = np.zeros((len(users), side.shape[1]), np.float32)
        if neighbours.shape[0]:
            for start in range(0, len(users), BLOCK):
                similar = self._similarities(history[start : start + BLOCK], neighbours)
                rows[start : start + BLOCK] = (similar @ neighbours) @ side
        return Factors(rows, side)

    def _similarities(self, history: sparse.csr_matrix, neighbours: sparse.csr_matrix) -> sparse.csr_matrix:
        """`(users, training users)`: similarity to the nearest ones, 0 to others; rows sum to 1 or are empty."""
        if self.config.similarity == "cosine":
            similar = (normalised(history) @ normalised(neighbours).T).toarray()
        else:
            similar = pearson(history, neighbours, self.config.shrinkage)
        # Somebody who did exactly what the user did may be that same user at training, and says nothing new.
        similar[similar > 1 - 1e-6] = 0
        count = self.config.neighbours
        if count < similar.shape[1]:
            floor = np.partition(similar, similar.shape[1] - count, axis=1)[:, similar.shape[1] - count]
            similar[similar < floor[:, None]] = 0
        np.maximum(similar, 0, out=similar)
        total = np.maximum(similar.sum(axis=1, keepdims=True), 1e-12)
        return sparse.csr_matrix(similar / total)


def pearson(left: sparse.csr_matrix, right: sparse.csr_matrix, shrinkage: float) -> FloatArray:
    """`(left rows, right rows)` shrunk correlations over the columns that both rows have."""
    seen_left, seen_right = (_centred(side, keep_ones=True) for side in (left, right))
    centred_left, centred_right = (_centred(side, keep_ones=False) for side in (left, right))
    common = (seen_left @ seen_right.T).toarray()
    products = (centred_left @ centred_right.T).toarray()
    left_squares = (centred_left.multiply(centred_left) @ seen_right.T).toarray()
    right_squares = (seen_left @ centred_right.multiply(centred_right).T).toarray()
    correlation = products / np.sqrt(np.maximum(left_squares * right_squares, 1e-12))
    return np.asarray(correlation * (common / np.maximum(common + shrinkage, 1e-12)), np.float32)


def _centred(matrix: sparse.csr_matrix, keep_ones: bool) -> sparse.csr_matrix:
    """The matrix with a one at each entry, or with each row's mean entry taken off its entries."""
    result = matrix.copy()
    if keep_ones:
        result.data = np.ones_like(matrix.data)
        return result
    counts = np.diff(matrix.indptr)
    means = np.asarray(matrix.sum(axis=1)).ravel() / np.maximum(counts, 1)
    result.data = matrix.data - np.repeat(means, counts).astype(np.float32)
    return result

"""User-based nearest neighbours: what people like you liked (cosine, or Pearson with shrinkage)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from models.collaborative.base import Arrays, Member, low_rank, normalised
from models.config import UserNeighboursConfig
from models.data import Dataset, FloatArray, IntArray
from models.interface import Factors

LARGEST_BLOCK, BLOCK_FLOATS = 1024, 2**25
"""Users scored at once: so many, or fewer where their similarities to the pool would be more numbers than this."""

Similarity = Callable[[sparse.csr_matrix], FloatArray]
"""Rows to their similarities with the pool's rows, `(rows, pool) float32`."""


class UserNeighbours(Member):
    """`score(u, i)` = mean preference for i among the `neighbours` users most similar to u, weighted by similarity.

    Pearson correlates centred preferences over the items that both know and is shrunk by `n / (n + shrinkage)`,
    n being how many they are (Herlocker et al., SIGIR 1999; Bell and Koren, KDD Cup 2007).

    Neighbours come from a pool of at most `pool` users, so that a user costs as much in a shop of a million. Beside the
    pool's histories, at most `6 * 4 * BLOCK_FLOATS` bytes are needed at once.
    """

    settings_class = UserNeighboursConfig
    config: UserNeighboursConfig

    def learn(self, data: Dataset, seed: int) -> Arrays:
        """The pool's preferences, and directions to project on where the catalogue is large."""
        history = self.history(data, np.arange(len(data.users)))
        active = np.flatnonzero(np.diff(history.indptr))
        if len(active) > self.config.pool:
            drawn = np.random.default_rng(seed).choice(len(active), self.config.pool, replace=False)
            active = active[np.sort(drawn)]
        history = history[active]
        kept: Arrays = {"data": history.data, "indices": history.indices, "indptr": history.indptr}
        if history.shape[1] > self.config.rank:
            kept["directions"] = low_rank(history, self.config.rank, seed)[1]
        return kept

    def known_factors(self, data: Dataset, users: IntArray) -> Factors:
        """The users' score rows beside the identity, or projected beside the leading directions."""
        indices, indptr = (self.arrays[name].astype(np.int64) for name in ("indices", "indptr"))
        pool: sparse.csr_matrix = sparse.csr_matrix(
            (self.array("data"), indices, indptr), shape=(len(indptr) - 1, len(self.item_ids))
        )
        history = self.history(data, users)
        side = (
            self.array("directions")
            if "directions" in self.arrays
            else np.eye(len(self.item_ids), dtype=np.float32)
        )
        rows = np.zeros((len(users), side.shape[1]), np.float32)
        if pool.shape[0]:
            similarity = (
                cosine(pool) if self.config.similarity == "cosine" else pearson(pool, self.config.shrinkage)
            )
            block = max(1, min(LARGEST_BLOCK, BLOCK_FLOATS // pool.shape[0]))
            for start in range(0, len(users), block):
                near = self._nearest(similarity(history[start : start + block]))
                rows[start : start + block] = (near @ pool) @ side
        return Factors(rows, side)

    def _nearest(self, similar: FloatArray) -> sparse.csr_matrix:
        """`(users, pool)`: similarity to the nearest ones, 0 to others; rows sum to 1 or are empty."""
        # Somebody who did exactly what the user did may be that same user at training, and says nothing new.
        similar[similar > 1 - 1e-6] = 0
        count = self.config.neighbours
        if count < similar.shape[1]:
            floor = np.partition(similar, similar.shape[1] - count, axis=1)[:, similar.shape[1] - count]
            similar[similar < floor[:, None]] = 0
        np.maximum(similar, 0, out=similar)
        total = np.maximum(similar.sum(axis=1, keepdims=True), 1e-12)
        similar /= total
        return sparse.csr_matrix(similar)


def cosine(pool: sparse.csr_matrix) -> Similarity:
    """Cosines with the pool's rows."""
    others = normalised(pool).T.tocsr()
    return lambda rows: (normalised(rows) @ others).toarray()


def pearson(pool: sparse.csr_matrix, shrinkage: float) -> Similarity:
    """Shrunk correlations with the pool's rows over the columns that both rows have."""
    seen, centred = (_centred(pool, keep_ones=ones).T.tocsr() for ones in (True, False))
    squared = centred.multiply(centred).tocsr()

    def similarity(rows: sparse.csr_matrix) -> FloatArray:
        own_seen, own = _centred(rows, keep_ones=True), _centred(rows, keep_ones=False)
        squares = (own.multiply(own) @ seen).toarray()
        squares *= (own_seen @ squared).toarray()
        found = (own @ centred).toarray()
        found /= np.sqrt(np.maximum(squares, 1e-12))
        common = (own_seen @ seen).toarray()
        found *= common / np.maximum(common + shrinkage, 1e-12)
        return np.asarray(found, np.float32)

    return similarity


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

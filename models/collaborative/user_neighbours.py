"""User-based nearest neighbours: items that similar users liked (cosine, or shrunk Pearson correlation)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from models.collaborative.base import Arrays, Member, normalise_sparse_rows
from models.collaborative.low_rank import approximate_low_rank
from models.config import UserNeighboursConfig
from models.dataset import Dataset, FloatArray, IntArray
from models.recommender_interface import Factors

MAX_BLOCK_USERS, BLOCK_FLOATS = 1024, 2**25
"""Maximum number of users scored at once, and of their similarities with the pool."""

Similarity = Callable[[sparse.csr_matrix], FloatArray]
"""A function from rows to their similarities with the pool's rows, `(rows, pool) float32`."""


class UserNeighbours(Member):
    """Similarity-weighted mean preference for an item among the `neighbours` most similar users.

    Pearson correlates centred preferences over the items that both users have, and is shrunk by
    `n / (n + shrinkage)`, where n is their number (Herlocker et al., SIGIR 1999; Bell and Koren, KDD Cup
    2007).

    Neighbours come from a pool of at most `pool` users, so that the cost of a user does not grow with the
    number of users. In addition to the pool's histories, at most `6 * 4 * BLOCK_FLOATS` bytes are needed at
    once.
    """

    settings_class = UserNeighboursConfig
    config: UserNeighboursConfig

    def learn(self, data: Dataset, seed: int) -> Arrays:
        """Draw the pool and keep its preferences; for large catalogues also directions to project on."""
        history = self.history(data, np.arange(len(data.users)))
        active = np.flatnonzero(np.diff(history.indptr))
        if len(active) > self.config.pool:
            drawn = np.random.default_rng(seed).choice(len(active), self.config.pool, replace=False)
            active = active[np.sort(drawn)]
        history = history[active]
        kept: Arrays = {"data": history.data, "indices": history.indices, "indptr": history.indptr}
        if history.shape[1] > self.config.rank:
            kept["directions"] = approximate_low_rank(history, self.config.rank, seed)[1]
        return kept

    def known_factors(self, data: Dataset, users: IntArray) -> Factors:
        """Return the users' score rows and the identity, or projected rows and the leading directions."""
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
                make_cosine_similarity(pool)
                if self.config.similarity == "cosine"
                else make_pearson_similarity(pool, self.config.shrinkage)
            )
            block = max(1, min(MAX_BLOCK_USERS, BLOCK_FLOATS // pool.shape[0]))
            for start in range(0, len(users), block):
                near = self._keep_nearest(similarity(history[start : start + block]))
                rows[start : start + block] = (near @ pool) @ side
        return Factors(rows, side)

    def _keep_nearest(self, similar: FloatArray) -> sparse.csr_matrix:
        """Keep the nearest neighbours: `(users, pool)`, rows sum to 1 or are empty. Changes its argument."""
        # A user in the pool is their own nearest neighbour; equal histories add nothing new.
        similar[similar > 1 - 1e-6] = 0
        count = self.config.neighbours
        if count < similar.shape[1]:
            floor = np.partition(similar, similar.shape[1] - count, axis=1)[:, similar.shape[1] - count]
            similar[similar < floor[:, None]] = 0
        np.maximum(similar, 0, out=similar)
        total = np.maximum(similar.sum(axis=1, keepdims=True), 1e-12)
        similar /= total
        return sparse.csr_matrix(similar)


def make_cosine_similarity(pool: sparse.csr_matrix) -> Similarity:
    """Return a function that computes cosines with the pool's rows."""
    others = normalise_sparse_rows(pool).T.tocsr()
    return lambda rows: (normalise_sparse_rows(rows) @ others).toarray()


def make_pearson_similarity(pool: sparse.csr_matrix, shrinkage: float) -> Similarity:
    """Return a function that computes shrunk correlations with the pool's rows.

    A correlation is over the columns that both rows have.
    """
    seen, centred = (_centre_rows(pool, keep_ones=ones).T.tocsr() for ones in (True, False))
    squared = centred.multiply(centred).tocsr()

    # Sums over common columns are products of sparse matrices: of squares with ones, and of centred values.
    def similarity(rows: sparse.csr_matrix) -> FloatArray:
        own_seen, own = _centre_rows(rows, keep_ones=True), _centre_rows(rows, keep_ones=False)
        squares = (own.multiply(own) @ seen).toarray()
        squares *= (own_seen @ squared).toarray()
        found = (own @ centred).toarray()
        found /= np.sqrt(np.maximum(squares, 1e-12))
        common = (own_seen @ seen).toarray()
        found *= common / np.maximum(common + shrinkage, 1e-12)
        return np.asarray(found, np.float32)

    return similarity


def _centre_rows(matrix: sparse.csr_matrix, keep_ones: bool) -> sparse.csr_matrix:
    """Return the matrix with a one at each entry, or with each row's mean entry subtracted."""
    result = matrix.copy()
    if keep_ones:
        result.data = np.ones_like(matrix.data)
        return result
    counts = np.diff(matrix.indptr)
    means = np.asarray(matrix.sum(axis=1)).ravel() / np.maximum(counts, 1)
    result.data = matrix.data - np.repeat(means, counts).astype(np.float32)
    return result

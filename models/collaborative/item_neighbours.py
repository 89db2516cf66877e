"""Item-based nearest neighbours: items that the same users liked (cosine, TF-IDF or BM25 weighting)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from models.collaborative.base import normalise_sparse_rows
from models.collaborative.item_item import ItemItem
from models.config import ItemNeighboursConfig
from models.dataset import Dataset, FloatArray

BLOCK_ITEMS = 512
"""Items whose similarities to all others are in memory at once."""


class ItemNeighbours(ItemItem):
    """Item-item weights: each item's `neighbours` most similar items by cosine of their user columns.

    Sarwar et al., "Item-based collaborative filtering", WWW 2001; weightings as in implicit's
    `nearest_neighbours`.
    """

    settings_class = ItemNeighboursConfig
    config: ItemNeighboursConfig

    def weights(self, data: Dataset, seed: int) -> sparse.csr_matrix:  # noqa: ARG002
        """Compute the similarities, of which each column keeps its largest; without the diagonal."""
        columns = self.history(data, np.arange(len(data.users))).T.tocsr()
        vectors = normalise_sparse_rows(WEIGHTINGS[self.config.weighting](columns))
        return find_nearest_items(vectors, self.config.neighbours).T.tocsr()


def find_nearest_items(vectors: sparse.csr_matrix, count: int, block: int = BLOCK_ITEMS) -> sparse.csr_matrix:
    """Compute each row's inner products with its `count` most similar other rows; of equal ones, the first.

    A block of rows at a time is dense: at most `24 * block * n` bytes, and `16 * n * count` for the result.

    Args:
        vectors: `(n, d)`.
        count: Entries that each row keeps.
        block: Rows at a time.

    Returns:
        `(n, n) float32`.
    """
    others = vectors.T.tocsr()
    blocks = []
    for start in range(0, vectors.shape[0], block):
        similar = (vectors[start : start + block] @ others).toarray()
        # An item is its own nearest neighbour, and would crowd out another one.
        similar[np.arange(len(similar)), np.arange(start, start + len(similar))] = 0
        blocks.append(sparse.csr_matrix(keep_largest(similar, count)))
    return sparse.vstack(blocks, format="csr", dtype=np.float32)


def keep_largest(similarity: FloatArray, count: int) -> FloatArray:
    """Keep the `count` largest entries of each row (of equal ones, the first) and set others to 0."""
    if count >= similarity.shape[1]:
        return similarity
    cut = similarity.shape[1] - count
    floor = np.partition(similarity, cut, axis=1)[:, cut, None]
    # Ties with the smallest kept value fill the places that the larger ones leave.
    room = count - (similarity > floor).sum(axis=1, keepdims=True, dtype=np.int32)
    is_equal = similarity == floor
    keep = is_equal & (np.cumsum(is_equal, axis=1, dtype=np.int32) <= room)
    keep |= similarity > floor
    return np.where(keep, similarity, np.float32(0))


def _keep_preferences(items: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return the preferences as they are."""
    return items


def _weight_by_tf_idf(items: sparse.csr_matrix) -> sparse.csr_matrix:
    """Weight by `sqrt(preference) * log(1 + items / (1 + items of that user))`: active users count less."""
    counts = np.bincount(items.indices, minlength=items.shape[1])
    weighted = items.copy()
    weighted.data = np.sqrt(items.data) * np.log1p(items.shape[0] / (1 + counts[items.indices]))
    return weighted.astype(np.float32)


def _weight_by_bm25(items: sparse.csr_matrix, k1: float = 1.2, b: float = 0.75) -> sparse.csr_matrix:
    """Weight by BM25 with items as documents and users as terms (Robertson and Zaragoza 2009, eq. 3.15)."""
    counts = np.bincount(items.indices, minlength=items.shape[1])
    idf = np.log1p((items.shape[0] - counts + 0.5) / (counts + 0.5))
    length = np.asarray(items.sum(axis=1)).ravel()
    norm = 1 - b + b * length / max(float(length.mean()), 1e-12)
    weighted = items.copy()
    damping = k1 * np.repeat(norm, np.diff(items.indptr))
    weighted.data = items.data * (k1 + 1) / (items.data + damping) * idf[items.indices]
    return weighted.astype(np.float32)


WEIGHTINGS: dict[str, Callable[[sparse.csr_matrix], sparse.csr_matrix]] = {
    "cosine": _keep_preferences,
    "tf_idf": _weight_by_tf_idf,
    "bm25": _weight_by_bm25,
}
"""Weightings of `(items, users)` preferences by the name they have in the settings."""

"""Item-based nearest neighbours: phones that the same people liked (cosine, TF-IDF or BM25 weighting)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from models.collaborative.base import normalised
from models.collaborative.item_item import ItemItem
from models.config import ItemNeighboursConfig
from models.data import Dataset, FloatArray


class ItemNeighbours(ItemItem):
    """Each item's `neighbours` most similar items, by the cosine of their weighted columns of users.

    Sarwar et al., "Item-based collaborative filtering", WWW 2001; weightings as in implicit's `nearest_neighbours`.
    """

    settings_class = ItemNeighboursConfig
    config: ItemNeighboursConfig

    def weights(self, data: Dataset, seed: int) -> FloatArray:  # noqa: ARG002
        """The pruned similarities, without the diagonal."""
        columns = self.history(data, np.arange(len(data.users))).T.tocsr()
        weighted = WEIGHTINGS[self.config.weighting](columns)
        vectors = normalised(weighted)
        similarity = (vectors @ vectors.T).toarray()
        np.fill_diagonal(similarity, 0)
        return strongest(similarity, self.config.neighbours)


def strongest(similarity: FloatArray, count: int) -> FloatArray:
    """The matrix with only the `count` largest entries of each column kept."""
    if count >= len(similarity):
        return similarity
    floor = np.partition(similarity, len(similarity) - count, axis=0)[len(similarity) - count]
    return np.where(similarity >= floor, similarity, np.float32(0))


def _plain(items: sparse.csr_matrix) -> sparse.csr_matrix:
    return items


def _tf_idf(items: sparse.csr_matrix) -> sparse.csr_matrix:
    """`sqrt(preference) * log(1 + items / (1 + items of that user))`: busy users say less."""
    counts = np.bincount(items.indices, minlength=items.shape[1])
    weighted = items.copy()
    weighted.data = np.sqrt(items.data) * np.log1p(items.shape[0] / (1 + counts[items.indices]))
    return weighted.astype(np.float32)


def _bm25(items: sparse.csr_matrix, k1: float = 1.2, b: float = 0.75) -> sparse.csr_matrix:
    """BM25 with items as documents and users as terms (Robertson and Zaragoza 2009, eq. 3.15)."""
    counts = np.bincount(items.indices, minlength=items.shape[1])
    idf = np.log1p((items.shape[0] - counts + 0.5) / (counts + 0.5))
    length = np.asarray(items.sum(axis=1)).ravel()
    norm = 1 - b + b * length / max(float(length.mean()), 1e-12)
    weighted = items.copy()
    damping = k1 * np.repeat(norm, np.diff(items.indptr))
    weighted.data = items.data * (k1 + 1) / (items.data + damping) * idf[items.indices]
    return weighted.astype(np.float32)


WEIGHTINGS: dict[str, Callable[[sparse.csr_matrix], sparse.csr_matrix]] = {
    "cosine": _plain,
    "tf_idf": _tf_idf,
    "bm25": _bm25,
}

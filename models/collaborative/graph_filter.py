"""A linear graph filter: neighbours of neighbours plus an ideal low-pass filter, without training."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import LinearOperator

from models.collaborative.base import Arrays
from models.collaborative.item_item import ItemItem
from models.collaborative.low_rank import compute_leading_directions
from models.config import GraphFilterConfig
from models.dataset import Dataset, FloatArray, IntArray

Doubles = NDArray[np.float64]
BLOCK_USERS = 16_384
"""Users whose neighbours are summed at a time, which bounds memory."""


class FilterFactors(NamedTuple):
    """The factors of the filter `towards' @ onwards + left @ right'`.

    Args:
        towards: `(users, items)` from liked items to the users who liked them.
        onwards: `(users, items)` from those users to the items that are scored.
        left: `(items, frequencies)`, the low-pass part's rows.
        right: `(items, frequencies)`, its columns.
    """

    towards: sparse.csr_matrix
    onwards: sparse.csr_matrix
    left: NDArray[np.floating]
    right: NDArray[np.floating]


class GraphFilter(ItemItem):
    """GF-CF: `W = R~' R~ + α D^-1/2 V V' D^1/2`, `R~ = D_u^-1/2 R D^-1/2` (Shen et al., CIKM 2021, eq. 12).

    The exponents are settings. `V` are the lowest graph frequencies: leading right singular vectors of the
    degree-normalised matrix.
    """

    settings_class = GraphFilterConfig
    config: GraphFilterConfig

    def learn(self, data: Dataset, seed: int) -> Arrays:
        """Compute the item-item matrix, or, where scores are to be exact, the filter's factors."""
        if not self.config.is_exact:
            return super().learn(data, seed)
        history = self.history(data, np.arange(len(data.users)))
        left, right = self._build_low_pass(history, seed)
        return {
            "data": history.data,
            "indices": history.indices,
            "indptr": history.indptr,
            "low_left": left.astype(np.float32),
            "low_right": right.astype(np.float32),
        }

    def weights(self, data: Dataset, seed: int) -> LinearOperator:
        """Return `W` without its diagonal, as an operator to multiply with."""
        history = self.history(data, np.arange(len(data.users))).astype(np.float64)
        return FilterOperator(
            FilterFactors(*self._build_neighbourhood(history), *self._build_low_pass(history, seed))
        )

    def score(self, data: Dataset, users: IntArray) -> FloatArray:
        """Return `(len(users), items) float32` scores; exact where the filter's factors were kept."""
        if "low_left" not in self.arrays:
            return super().score(data, users)
        parts, diagonal = self._kept
        history = self.history(data, users)
        known = np.zeros((len(users), len(self.item_ids)), np.float32)
        if self.config.neighbours:
            known += ((history @ parts.towards.T.tocsr()) @ parts.onwards).toarray()
        if parts.left.shape[1]:
            known += np.asarray(history @ parts.left, np.float32) @ parts.right.T
        # An item must not be scored by its own presence in the history.
        known -= (history @ sparse.diags(diagonal)).toarray()
        return self.expand_to_catalogue(known, data)

    def known_item_vectors(self) -> FloatArray:
        """Return the items' coordinates in the low-pass directions.

        Only for filters whose factors were kept.
        """
        return self.array("low_right")

    @cached_property
    def _kept(self) -> tuple[FilterFactors, FloatArray]:
        """The filter's factors from the learned arrays, and its diagonal."""
        indices, indptr = (self.arrays[name].astype(np.int64) for name in ("indices", "indptr"))
        shape = (len(indptr) - 1, len(self.item_ids))
        history: sparse.csr_matrix = sparse.csr_matrix((self.array("data"), indices, indptr), shape=shape)
        parts = FilterFactors(
            *self._build_neighbourhood(history), self.array("low_left"), self.array("low_right")
        )
        return parts, _compute_diagonal(parts).astype(np.float32)

    def _build_neighbourhood(self, history: sparse.csr_matrix) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """Return the neighbours' part as two sparse matrices, degrees and weight included."""
        user_degree, item_degree = _compute_degrees(history)
        towards = history @ sparse.diags(item_degree**-self.config.from_degree)
        between = sparse.diags(self.config.neighbours * user_degree**-self.config.between_degree)
        onwards = between @ history @ sparse.diags(item_degree**-self.config.to_degree)
        return towards.tocsr().astype(history.dtype), onwards.tocsr().astype(history.dtype)

    def _build_low_pass(self, history: sparse.csr_matrix, seed: int) -> tuple[Doubles, Doubles]:
        """Return the low-pass part as two thin matrices, degrees and weight included."""
        user_degree, item_degree = _compute_degrees(history)
        power = self.config.degree
        if not self.config.low_pass:
            return np.zeros((len(item_degree), 0)), np.zeros((len(item_degree), 0))
        adjacency = (sparse.diags(user_degree**-power) @ history @ sparse.diags(item_degree**-power)).tocsr()
        passed = compute_leading_directions(adjacency.astype(history.dtype), self.config.frequencies, seed)
        left = self.config.low_pass * passed * (item_degree**-power)[:, None]
        return left, passed * (item_degree**power)[:, None]


class FilterOperator(LinearOperator):
    """The filter without its diagonal as an operator.

    A product needs `8 * BLOCK_USERS` bytes for each column of its operand.
    """

    def __init__(self, parts: FilterFactors) -> None:
        items = parts.left.shape[0]
        super().__init__(np.dtype(np.float64), (items, items))  # type: ignore[call-arg]
        self.parts, self.diagonal = parts, _compute_diagonal(parts)

    def _matmat(self, x: Doubles) -> Doubles:
        """Multiply the filter with a matrix."""
        towards, onwards, left, right = self.parts
        return _multiply_in_blocks(towards, onwards, x) + left @ (right.T @ x) - self.diagonal[:, None] * x

    def _rmatmat(self, x: Doubles) -> Doubles:
        """Multiply the transposed filter with a matrix."""
        towards, onwards, left, right = self.parts
        return _multiply_in_blocks(onwards, towards, x) + right @ (left.T @ x) - self.diagonal[:, None] * x


def _compute_degrees(history: sparse.csr_matrix) -> tuple[Doubles, Doubles]:
    """Return the degrees of users and items, never 0, so that negative powers exist."""
    users, items = (np.asarray(history.sum(axis=axis), np.float64).ravel() for axis in (1, 0))
    return np.maximum(users, 1e-6), np.maximum(items, 1e-6)


def _compute_diagonal(parts: FilterFactors) -> Doubles:
    """Return the filter's diagonal without making the filter."""
    products = np.asarray(parts.towards.multiply(parts.onwards).sum(axis=0), np.float64).ravel()
    return np.asarray(products + (parts.left * parts.right).sum(axis=1))


def _multiply_in_blocks(back: sparse.csr_matrix, forth: sparse.csr_matrix, x: Doubles) -> Doubles:
    """Compute `back' @ (forth @ x)`, a block of users at a time."""
    total = np.zeros_like(x)
    for start in range(0, back.shape[0], BLOCK_USERS):
        rows = slice(start, start + BLOCK_USERS)
        total += back[rows].T @ (forth[rows] @ x)
    return total

"""The request and the result of a top-N search."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.dataset import BoolArray, FloatArray, IntArray


class TopN(NamedTuple):
    """The best items of each user.

    Args:
        items: `(users, n) int32` indices of items, best first; -1 where a user has fewer than n allowed
            items.
        scores: `(users, n) float32`, exact; minus infinity where `items` is -1.
    """

    items: NDArray[np.int32]
    scores: FloatArray


def make_empty_lists(users: int, n: int) -> TopN:
    """Return lists without an item, as they are before they are filled."""
    return TopN(np.full((users, n), -1, np.int32), np.full((users, n), -np.inf, np.float32))


class TopNRequest(NamedTuple):
    """The list length and the items that each user may get.

    Args:
        n: Length of the lists.
        allowed: `(kinds, items)`, False for items that no user of a kind may get.
        kind: `(users,) int32`, each user's row of `allowed`.
        excluded: `(users, items)` with sorted indices; a stored entry keeps the item off that user's list.
    """

    n: int
    allowed: BoolArray
    kind: NDArray[np.int32]
    excluded: sparse.csr_matrix


def make_request(
    n: int,
    exclude: sparse.csr_matrix | None,
    allowed: BoolArray | None,
    kind: IntArray | None,
    shape: tuple[int, int],
) -> TopNRequest:
    """Check the masks and fill in those that are not given."""
    if exclude is not None and exclude.shape != shape:
        raise ValueError(f"exclude is {exclude.shape}, not {shape}")
    excluded = _make_empty_matrix(shape) if exclude is None else exclude.tocsr()
    if not excluded.has_sorted_indices:  # the kernels look items up by binary search
        excluded = excluded.sorted_indices()
    masks = np.ones((1, shape[1]), bool) if allowed is None else np.atleast_2d(allowed)
    kinds = np.zeros(shape[0], np.int32) if kind is None else kind.astype(np.int32)
    if masks.shape[1] != shape[1] or kinds.shape != shape[:1] or (kinds >= len(masks)).any():
        raise ValueError(f"allowed is {masks.shape} and kind {kinds.shape}, for factors {shape}")
    return TopNRequest(n, np.ascontiguousarray(masks), kinds, excluded)


def _make_empty_matrix(shape: tuple[int, int]) -> sparse.csr_matrix:
    """Return a matrix without entries."""
    none = np.zeros(0, np.int32)
    return sparse.csr_matrix((none, (none, none)), shape=shape)

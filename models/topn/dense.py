"""Top-N of score matrices, and of factors whose float32 products are taken as the scores.

Lists have the order and the shape of `exact.find_top_n`, and the same kernel keeps the best: best first,
equal scores by the lower item index, -1 after the last allowed item. Two things differ, and evaluation
depends on both:

- The score is the float32 number that is given, or that the matrix product gives. A product's last bits
  depend on the processor and on the number of threads: it is within `tile_products.bound_product_error` (d =
  128: 8e-6) of the product of the vectors' lengths from the exact score, so that two items whose exact scores
  differ by less than twice that may change places. Where products are exact in float32, the lists are the
  same.
- Scores need not be finite: those that are not are never listed, so that a model with broken scores gets a
  poor list instead of an error, and the gate can refuse it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.dataset import BoolArray, FloatArray
from models.recommender_interface import Factors
from models.topn.blocks import select_masks
from models.topn.numba_kernels import rank_scores
from models.topn.topn_request import make_request

BLOCK_BYTES = 64 << 20
"""Memory of the score matrix of one block of users."""
NO_ITEM = -1
"""Fills the places after the last item of a list."""


def find_top_n_in_float32(
    factors: Factors, k: int, exclude: sparse.csr_matrix | None = None, allowed: BoolArray | None = None
) -> NDArray[np.int32]:
    """Find the k best allowed items of every user by float32 matrix products, a block of users at a time.

    Args:
        factors: `(users, d)` and `(items, d)` float32.
        k: Length of the lists.
        exclude: `(users, items)`; a stored entry keeps the item off that user's list.
        allowed: `(items,)`, False for items that no user may get.

    Returns:
        `(users, k) int32`, best first, equal scores by item; -1 where there are fewer than k.
    """
    lists = np.full((len(factors.users), k), NO_ITEM, np.int32)
    items = np.ascontiguousarray(factors.items.T)
    block = max(1, BLOCK_BYTES // (4 * max(items.shape[1], 1)))
    for start in range(0, len(lists), block):
        rows = slice(start, start + block)
        scores = factors.users[rows] @ items
        lists[rows] = find_top_n_of_scores(scores, k, None if exclude is None else exclude[rows], allowed)
    return lists


def find_top_n_of_scores(
    scores: FloatArray, k: int, exclude: sparse.csr_matrix | None = None, allowed: BoolArray | None = None
) -> NDArray[np.int32]:
    """Find the k best allowed items of every user from a matrix of scores.

    Args:
        scores: `(users, items)` float32 or float64, higher is better.
        k: Length of the lists.
        exclude: `(users, items)`; a stored entry keeps the item off that user's list.
        allowed: `(items,)`, False for items that no user may get.

    Returns:
        `(users, k) int32`, best first, equal scores by item; -1 where there are fewer than k.
    """
    lists = np.full((len(scores), k), NO_ITEM, np.int32)
    if not k or not scores.size:
        return lists
    request = make_request(k, exclude, allowed, None, scores.shape)
    best = np.full(lists.shape, -np.inf, scores.dtype)
    masks = select_masks(request, slice(0, len(scores)))
    rank_scores(np.ascontiguousarray(scores), masks, lists, best)
    return lists

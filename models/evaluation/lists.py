"""Lists and what was hit: the two things that every metric is computed from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.data import BoolArray, FloatArray, IntArray
from models.interface import Factors

BLOCK_BYTES = 64 << 20
NOTHING = -1


class Judged(NamedTuple):
    """Which relevant items stand where on the lists.

    Args:
        user: `(hits,) int64`, the list's row; sorted.
        rank: `(hits,) int64`, 0 for the first place; ascending for each user.
        relevant: `(users,) int64`, how many items were relevant to each user.
    """

    user: IntArray
    rank: IntArray
    relevant: IntArray


def top_lists(
    factors: Factors, k: int, exclude: sparse.csr_matrix | None = None, allowed: BoolArray | None = None
) -> NDArray[np.int32]:
    """`(users, k)`: each user's best allowed items, best first, equal scores by item; -1 where there are fewer.

    Scores are computed a block of users at a time, so memory is bounded whatever their number.
    """
    lists = np.full((len(factors.users), k), NOTHING, np.int32)
    items = np.ascontiguousarray(factors.items.T)
    block = max(1, BLOCK_BYTES // (4 * max(items.shape[1], 1)))
    for start in range(0, len(lists), block):
        rows = slice(start, start + block)
        scores = factors.users[rows] @ items
        lists[rows] = top_of_scores(scores, k, None if exclude is None else exclude[rows], allowed)
    return lists


def top_of_scores(
    scores: FloatArray, k: int, exclude: sparse.csr_matrix | None = None, allowed: BoolArray | None = None
) -> NDArray[np.int32]:
    """As `top_lists`, from scores; they are changed in place where items are excluded. NaN counts as the worst."""
    if allowed is not None:
        scores[:, ~allowed] = -np.inf
    if exclude is not None:
        barred = exclude.tocoo()
        scores[barred.row, barred.col] = -np.inf
    np.nan_to_num(scores, copy=False, nan=-np.inf, posinf=np.inf, neginf=-np.inf)
    users, items = scores.shape
    wanted = min(k, items)
    if wanted < items:
        # Everything that ties with the k-th score takes part, so that ties are settled by the item alone.
        floor = np.partition(scores, items - wanted, axis=1)[:, items - wanted]
        row, item = np.nonzero((scores >= floor[:, None]) & np.isfinite(scores))
    else:
        row, item = np.nonzero(np.isfinite(scores))
    order = np.lexsort((item, -scores[row, item], row))
    row, item = row[order], item[order]
    rank = np.arange(len(row)) - np.searchsorted(row, np.arange(users))[row]
    lists = np.full((users, k), NOTHING, np.int32)
    kept = rank < wanted
    lists[row[kept], rank[kept]] = item[kept]
    return lists


def judge(lists: NDArray[np.int32], relevant: sparse.csr_matrix) -> Judged:
    """Where each user's relevant items stand on their list.

    Args:
        lists: `(users, k)` items, best first, -1 for none; no item twice.
        relevant: `(users, items)`, an entry for each relevant item.
    """
    counts = np.diff(relevant.indptr).astype(np.int64)
    user = np.repeat(np.arange(len(lists)), counts)
    item = relevant.indices
    hit_user, hit_rank = [], []
    block = max(1, BLOCK_BYTES // max(1, 4 * lists.shape[1]))
    for start in range(0, len(user), block):
        part = slice(start, start + block)
        pair, rank = np.nonzero(lists[user[part]] == item[part, None])
        hit_user.append(user[part][pair])
        hit_rank.append(rank)
    users = np.concatenate([np.empty(0, np.int64), *hit_user])
    ranks = np.concatenate([np.empty(0, np.int64), *hit_rank])
    order = np.lexsort((ranks, users))
    return Judged(users[order], ranks[order], counts)

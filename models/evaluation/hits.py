"""Hits: the places of relevant items on recommendation lists, from which every ranking metric is computed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.dataset import IntArray

BLOCK_BYTES = 64 << 20
"""Memory of the comparisons of relevant items with lists that exist at a time."""


class Hits(NamedTuple):
    """The relevant items that are on the lists, and their places.

    Args:
        user: `(hits,) int64`, the list's row; sorted.
        rank: `(hits,) int64`, 0 for the first place; ascending for each user.
        relevant_counts: `(users,) int64`, how many items were relevant to each user.
    """

    user: IntArray
    rank: IntArray
    relevant_counts: IntArray


def find_hits(lists: NDArray[np.int32], relevant: sparse.csr_matrix) -> Hits:
    """Find the places of each user's relevant items on their list.

    Args:
        lists: `(users, k)` items, best first, -1 for none; no item twice.
        relevant: `(users, items)`, an entry for each relevant item.
    """
    counts = np.diff(relevant.indptr).astype(np.int64)
    user = np.repeat(np.arange(len(lists)), counts)
    item = relevant.indices
    hit_user, hit_rank = [], []
    # One row for each relevant item, compared with the whole list: users have few relevant items, so this is
    # far less than a dense user-item matrix.
    block = max(1, BLOCK_BYTES // max(1, 4 * lists.shape[1]))
    for start in range(0, len(user), block):
        part = slice(start, start + block)
        pair, rank = np.nonzero(lists[user[part]] == item[part, None])
        hit_user.append(user[part][pair])
        hit_rank.append(rank)
    users = np.concatenate([np.empty(0, np.int64), *hit_user])
    ranks = np.concatenate([np.empty(0, np.int64), *hit_rank])
    order = np.lexsort((ranks, users))
    return Hits(users[order], ranks[order], counts)

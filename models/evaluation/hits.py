"""Hits: the places of relevant items on recommendation lists, from which every ranking metric is computed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.dataset import BoolArray, IntArray

BLOCK_BYTES = 64 << 20
"""Memory of the comparisons of relevant items with lists that exist at a time."""


@dataclass(frozen=True)
class Hits:
    """The relevant items that are on the lists, and their places.

    Args:
        user: `(hits,) int64`, the list's row; sorted.
        rank: `(hits,) int64`, 0 for the first place; ascending for each user.
        relevant_counts: `(users,) int64`, how many items were relevant to each user.

    Raises:
        ValueError: If no lists can have these hits: a place before the first, a place with two hits, hits of
            no user or not sorted, or more hits than relevant items. A metric of them would be a number that
            means nothing, such as an infinite NDCG for a place of -1.
    """

    user: IntArray
    rank: IntArray
    relevant_counts: IntArray

    def __post_init__(self) -> None:
        if len(self.user) != len(self.rank):
            raise ValueError(f"{len(self.user)} users of hits, but {len(self.rank)} places")
        if not len(self.user):
            return
        if self.rank.min() < 0:
            raise ValueError(f"a hit at place {self.rank.min()}: the first place of a list is 0")
        if self.user.min() < 0 or self.user.max() >= len(self.relevant_counts):
            raise ValueError(f"a hit of a user who is not among the {len(self.relevant_counts)}")
        step, climb = np.diff(self.user), np.diff(self.rank)
        if (step < 0).any() or (climb[step == 0] <= 0).any():
            raise ValueError("hits are not sorted by user and place, or a place has two hits")
        count = np.bincount(self.user, minlength=len(self.relevant_counts))
        if (count > self.relevant_counts).any():
            row = int(np.argmax(count - self.relevant_counts))
            relevant = self.relevant_counts[row]
            raise ValueError(f"{count[row]} hits of user {row}, but {relevant} relevant items")

    def is_within(self, k: int) -> BoolArray:
        """Return `(hits,)` whether each hit is among the first k places.

        Raises:
            ValueError: If k is below 1: a list has at least one place.
        """
        if k < 1:
            raise ValueError(f"k is {k}; a list has at least one place")
        return self.rank < k


def find_hits(lists: NDArray[np.int32], relevant: sparse.csr_matrix) -> Hits:
    """Find the places of each user's relevant items on their list.

    Args:
        lists: `(users, k)` items, best first, -1 for none; no item twice.
        relevant: `(users, items)`, an entry other than 0 for each relevant item, and none twice.

    Raises:
        ValueError: If a list has an item twice, or an item is relevant to a user twice or with a value of 0.
    """
    _refuse_repeated_items(lists)
    if len(lists) != relevant.shape[0]:
        raise ValueError(f"{len(lists)} lists, but relevant items of {relevant.shape[0]} users")
    if not relevant.data.all():
        raise ValueError("an entry of the relevant items is 0; remove it (eliminate_zeros)")
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
    users, ranks = users[order], ranks[order]
    # An entry that is stored twice hits the same place twice.
    if ((np.diff(users) == 0) & (np.diff(ranks) == 0)).any():
        raise ValueError("an item is relevant to a user twice; add the entries up (sum_duplicates)")
    return Hits(users, ranks, counts)


def _refuse_repeated_items(lists: NDArray[np.int32]) -> None:
    """Raise ValueError if a list has an item twice: its hit would count twice."""
    block = max(1, BLOCK_BYTES // max(1, lists.itemsize * lists.shape[1]))
    for start in range(0, len(lists), block):
        ordered = np.sort(lists[start : start + block], axis=1)
        same = (ordered[:, 1:] == ordered[:, :-1]) & (ordered[:, 1:] >= 0)
        if same.any():
            row, place = (int(part[0]) for part in np.nonzero(same))
            raise ValueError(f"list {start + row} has item {ordered[row, place]} twice")

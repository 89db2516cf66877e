"""Novelty and serendipity: whether lists show what one would not have met anyway."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.data import IntArray
from models.evaluation.lists import judge


def novelty(lists: NDArray[np.int32], interacting_users: IntArray, users: int) -> NDArray[np.float64]:
    """`(lists,)` mean self-information `-log2(share of users who met the item)` in bits.

    Args:
        lists: `(lists, k)`.
        interacting_users: `(items,)` users who had met each item before.
        users: All users; an item that nobody met counts as met by half a user.
    """
    bits = -np.log2(np.maximum(interacting_users, 0.5) / max(users, 1))
    shown = lists >= 0
    return np.where(shown, bits[np.maximum(lists, 0)], 0).sum(axis=1) / np.maximum(shown.sum(axis=1), 1)


def serendipity(
    lists: NDArray[np.int32], expected: NDArray[np.int32], relevant: sparse.csr_matrix
) -> NDArray[np.float64]:
    """`(users,)` share of places that are relevant and not among the expected (popularity's) list.

    Ge, Delgado-Battenfeld and Jannach, "Beyond accuracy", RecSys 2010.
    """
    hits = judge(lists, relevant)
    item = lists[hits.user, hits.rank]
    surprising = ~(expected[hits.user] == item[:, None]).any(axis=1)
    return np.bincount(hits.user[surprising], minlength=len(lists)) / lists.shape[1]

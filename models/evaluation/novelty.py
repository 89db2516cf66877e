"""Novelty and serendipity: whether lists show items that users would not have found anyway."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.dataset import IntArray
from models.evaluation.hits import find_hits


def compute_novelty(lists: NDArray[np.int32], interacting_users: IntArray, users: int) -> NDArray[np.float64]:
    """Compute the mean self-information of each list's items, `-log2(share of users with the item)`.

    Zhou et al., "Solving the apparent diversity-accuracy dilemma of recommender systems", PNAS 2010.

    Args:
        lists: `(lists, k)`, -1 for none.
        interacting_users: `(items,)` users who had interacted with each item before.
        users: Number of all users; an item without interactions counts as seen by half a user.

    Returns:
        `(lists,)` bits.
    """
    bits = -np.log2(np.maximum(interacting_users, 0.5) / max(users, 1))
    shown = lists >= 0
    return np.where(shown, bits[np.maximum(lists, 0)], 0).sum(axis=1) / np.maximum(shown.sum(axis=1), 1)


def compute_serendipity(
    lists: NDArray[np.int32], expected: NDArray[np.int32], relevant: sparse.csr_matrix
) -> NDArray[np.float64]:
    """Compute the share of a list's places whose items are relevant and not on the expected list.

    Ge, Delgado-Battenfeld and Jannach, "Beyond accuracy", RecSys 2010.

    Args:
        lists: `(users, k)`, -1 for none.
        expected: `(users, any)` the list of a simple model, here popularity.
        relevant: `(users, items)`, an entry for each relevant item.

    Returns:
        `(users,)`.
    """
    hits = find_hits(lists, relevant)
    item = lists[hits.user, hits.rank]
    surprising = ~(expected[hits.user] == item[:, None]).any(axis=1)
    return np.bincount(hits.user[surprising], minlength=len(lists)) / lists.shape[1]

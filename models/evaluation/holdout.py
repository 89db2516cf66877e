"""Random hold-out: a share of every user's choices.

For data without times, or with too few choices in a window.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from models.dataset import Dataset


def hold_out(data: Dataset, share: float, seed: int) -> tuple[Dataset, sparse.csr_matrix]:
    """Hold out a share of each user's liked items.

    All events of a held-out pair of user and item are removed, impressions too, so that nothing leaks.

    Args:
        data: Everything known.
        share: Part of each user's distinct items, in (0, 1); the count is rounded.
        seed: Seed of the draw.

    Returns:
        The dataset without the held-out pairs, and `(users, items)` with an entry for each of them.
    """
    items = len(data.catalogue)
    liked = data.interactions.positive()
    pairs = np.unique(liked.user * items + liked.item)
    user = pairs // items
    # A random order within each user, of which the first ones are held out.
    order = np.lexsort((np.random.default_rng(seed).random(len(pairs)), user))
    count = np.bincount(user, minlength=len(data.users))
    # Running number of each pair among its user's shuffled ones.
    place = np.arange(len(pairs)) - np.repeat(np.cumsum(count) - count, count)
    held = np.sort(pairs[order[place < np.round(share * count[user])]])
    keep = ~np.isin(data.interactions.user * items + data.interactions.item, held)
    past = replace(
        data,
        interactions=data.interactions.where(keep),
        context=None if data.context is None else data.context[keep],
    )
    held_out: sparse.csr_matrix = sparse.csr_matrix(
        (np.ones(len(held), np.float32), (held // items, held % items)), shape=(len(data.users), items)
    )
    return past, held_out

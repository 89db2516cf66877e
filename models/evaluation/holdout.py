"""A random part of everybody's choices held out: for data without times, or where a window would be too thin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from models.data import Dataset


def hold_out(data: Dataset, share: float, seed: int) -> tuple[Dataset, sparse.csr_matrix]:
    """The dataset without a share of each user's liked items, rounded, and `(users, items)` what was held out.

    All events of a held-out user and item go, impressions too, so that nothing tells of them.

    Args:
        data: Everything known.
        share: Part of each user's different items, in (0, 1).
        seed: Of the draw.
    """
    items = len(data.catalogue)
    liked = data.interactions.positive()
    pairs = np.unique(liked.user * items + liked.item)
    user = pairs // items
    order = np.lexsort((np.random.default_rng(seed).random(len(pairs)), user))
    count = np.bincount(user, minlength=len(data.users))
    place = np.arange(len(pairs)) - np.repeat(np.cumsum(count) - count, count)
    held = np.sort(pairs[order[place < np.round(share * count[user])]])
    keep = ~np.isin(data.interactions.user * items + data.interactions.item, held)
    past = replace(
        data,
        interactions=data.interactions.where(keep),
        context=None if data.context is None else data.context[keep],
    )
    wanted: sparse.csr_matrix = sparse.csr_matrix(
        (np.ones(len(held), np.float32), (held // items, held % items)), shape=(len(data.users), items)
    )
    return past, wanted

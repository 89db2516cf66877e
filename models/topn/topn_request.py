"""The request and the result of a top-N search."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.dataset import BoolArray, FloatArray


class TopN(NamedTuple):
    """The best items of each user.

    Args:
        items: `(users, n) int32` indices of items, best first; -1 where a user has fewer than n allowed
            items.
        scores: `(users, n) float32`, exact; minus infinity where `items` is -1.
    """

    items: NDArray[np.int32]
    scores: FloatArray


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

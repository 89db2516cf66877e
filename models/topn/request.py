"""What a top-N is asked for, and what comes back."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.data import BoolArray, FloatArray


class TopN(NamedTuple):
    """The best items of each user.

    Args:
        items: `(users, n) int32` indices of items, best first; -1 where a user has fewer than n allowed items.
        scores: `(users, n) float32`, exact; minus infinity where `items` is -1.
    """

    items: NDArray[np.int32]
    scores: FloatArray


class Wanted(NamedTuple):
    """How much is wanted, and what nobody or somebody may not have.

    Args:
        n: Length of the lists.
        allowed: `(kinds, items)`.
        kind: `(users,) int32`, rows of `allowed`.
        barred: `(users, items)` with sorted indices.
    """

    n: int
    allowed: BoolArray
    kind: NDArray[np.int32]
    barred: sparse.csr_matrix

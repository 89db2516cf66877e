"""Blocks of users: the threads that take them, their masks and their lists."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.dataset import BoolArray, FloatArray
from models.topn.topn_request import TopN, TopNRequest


class Lists(NamedTuple):
    """What is kept of the users of a block; see `numba_kernels`.

    Args:
        items: `(users, n) int32`.
        scores: `(users, n) float32`.
        limits: `(users,) float32`.
        conversion: `(2, users) float64`.
    """

    items: NDArray[np.int32]
    scores: FloatArray
    limits: FloatArray
    conversion: NDArray[np.float64]


class Masks(NamedTuple):
    """What the users of a block may get.

    Args:
        allowed: `(kinds, items)`.
        kind: `(users,) int32`.
        starts: `(users + 1,)` where each user's own excluded items begin in `own`.
        own: Items excluded for single users.
    """

    allowed: BoolArray
    kind: NDArray[np.int32]
    starts: NDArray[np.int32]
    own: NDArray[np.int32]


def select_masks(request: TopNRequest, rows: slice) -> Masks:
    """Return the masks of a block's users."""
    excluded = request.excluded[rows]
    return Masks(request.allowed, request.kind[rows], excluded.indptr, excluded.indices)


def begin_lists(best: TopN, rows: slice, conversion: NDArray[np.float64]) -> Lists:
    """Return a block's lists, which are parts of the result."""
    limits = np.full(rows.stop - rows.start, -np.inf, np.float32)
    return Lists(best.items[rows], best.scores[rows], limits, conversion)


def run_blocks(users: int, size: int, fill: Callable[[slice], None]) -> None:
    """Call `fill` for each block of users, on as many threads as torch may use.

    A block writes its own rows, so threads share nothing that changes and their number changes no result.
    Each thread multiplies with one thread of its own: products of one block are too small to be worth
    splitting, and the kernels between them run on one thread anyway.

    Args:
        users: How many there are.
        size: Users in a block.
        fill: Is given the rows of a block.
    """
    import torch

    blocks = [slice(begin, min(begin + size, users)) for begin in range(0, users, size)]
    count = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(
            min(count, len(blocks)), initializer=torch.set_num_threads, initargs=(1,)
        ) as pool:
            list(pool.map(fill, blocks))
    finally:
        torch.set_num_threads(count)  # new threads inherit what was set last in any thread

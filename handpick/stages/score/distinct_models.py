"""The top-N with each model at most once: its best variant stands for the others."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.dataset import IntArray
from models.topn.exact import TopN

WIDENING = 4
"""Factor by which the candidates of a list grow that variants leave short."""


def find_distinct_models(find: Callable[[IntArray, int], TopN], rows: int, n: int, model: IntArray) -> TopN:
    """Find each row's best items, of each model only the best one.

    Args:
        find: Returns the top-N of some rows, for their numbers and N.
        rows: Number of rows.
        n: Length of the lists.
        model: `(items,)` code of each item's model.
    """
    items = np.full((rows, n), -1, np.int32)
    scores = np.zeros((rows, n), np.float32)
    waiting, size = np.arange(rows), min(2 * n, len(model))
    while len(waiting):
        found = find(waiting, size)
        for row, listed, scored in zip(waiting.tolist(), found.items, found.scores, strict=True):
            kept = _find_first_of_models(listed, model)[:n]
            items[row, : len(kept)], scores[row, : len(kept)] = listed[kept], scored[kept]
        is_ended = found.items[:, -1] < 0 if size < len(model) else np.ones(len(waiting), bool)
        waiting = waiting[(items[waiting, -1] < 0) & ~is_ended]
        size = min(size * WIDENING, len(model))
    return TopN(items, scores)


def _find_first_of_models(listed: NDArray[np.int32], model: IntArray) -> IntArray:
    """Return the places of a list at which a model stands for the first time, in order."""
    length = int((listed >= 0).sum())
    _, first = np.unique(model[listed[:length]], return_index=True)
    return np.sort(first)

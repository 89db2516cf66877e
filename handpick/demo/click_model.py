"""Samples what sessions show and open, from the click model of `handpick.dataset.oracle.expected_opens`.

A session shows a slate of `SLOTS` phones, which are opened with a position bias, and opens further phones
found by search.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from handpick.dataset.oracle.expected_opens import (
    POSITION_DECAY,
    SEARCHES,
    SLOTS,
    TILT,
    compute_open_probability,
    split_sessions,
)
from handpick.demo.array_types import Doubles, Floats, Ints

MAX_SEARCHES = 4


@dataclass(frozen=True)
class SessionDraws:
    """What sessions showed and what was opened in them.

    Args:
        shown: `(sessions, SLOTS)` phones in order of position; -1 where a draw repeated an earlier one.
        clicked: `(sessions, SLOTS)` whether a shown phone was opened.
        found: `(sessions, MAX_SEARCHES)` phones opened by search, -1 for none.
        shown_utility: `(sessions, SLOTS) float32` utilities of the shown phones.
        found_utility: `(sessions, MAX_SEARCHES) float32` utilities of the phones found by search.
    """

    shown: Ints
    clicked: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    found: Ints
    shown_utility: Floats
    found_utility: Floats


def sample_columns(weights: Floats, uniform: Doubles) -> Ints:
    """Sample columns in proportion to the weights of each row, with replacement.

    Args:
        weights: `(rows, m)` positive weights.
        uniform: `(rows, k)` uniform random numbers in [0, 1).

    Returns:
        `(rows, k)` columns.
    """
    rows, columns = weights.shape
    summed = np.cumsum(weights, axis=1, dtype=np.float64)
    summed /= summed[:, -1:]
    # Row r is shifted to [r, r + 1): the flattened sums are sorted, and one search serves all rows.
    summed += np.arange(rows)[:, None]
    targets = uniform + np.arange(rows)[:, None]
    found = np.searchsorted(summed.ravel(), targets.ravel(), side="right").reshape(targets.shape)
    return np.clip(found - np.arange(rows)[:, None] * columns, 0, columns - 1).astype(np.int64)


def simulate_choices(
    side: Floats, constant: Floats, phones: Floats, random: np.random.Generator
) -> SessionDraws:
    """Simulate sessions of customers who choose among the same phones.

    Args:
        side: `(sessions, d) float32` customers' side of the utility, one row per session.
        constant: `(sessions,) float32` constant of each customer's utility.
        phones: `(phones on sale, d) float32` phones' side of the utility.
        random: Random numbers, drawn before the threads start, so that their number does not matter.
    """
    sessions = len(side)
    slots = random.random((sessions, SLOTS))
    attention = random.random((sessions, SLOTS))
    search = random.random((sessions, MAX_SEARCHES))
    search_counts = random.poisson(SEARCHES, sessions)
    shown = np.empty((sessions, SLOTS), np.int64)
    found = np.empty((sessions, MAX_SEARCHES), np.int64)
    shown_utility = np.empty((sessions, SLOTS), np.float32)
    found_utility = np.empty((sessions, MAX_SEARCHES), np.float32)

    def simulate(part: slice) -> None:
        """Sample one block of sessions; the constant of a customer cancels out in the softmax."""
        utility = side[part] @ phones.T
        weights = np.exp(utility - utility.max(axis=1, keepdims=True))
        found[part] = sample_columns(weights, search[part])
        # Search samples from the softmax of utility, the slate from the flatter, tilted distribution.
        np.power(weights, TILT, out=weights)
        shown[part] = sample_columns(weights, slots[part])
        shown_utility[part] = np.take_along_axis(utility, shown[part], 1) + constant[part, None]
        found_utility[part] = np.take_along_axis(utility, found[part], 1) + constant[part, None]

    # One BLAS thread in each of the threads: nested pools would compete for the same cores.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(simulate, split_sessions(sessions, len(phones))))
    # Slots are drawn with replacement: a phone that an earlier slot shows is not shown again.
    for slot in range(1, SLOTS):
        shown[(shown[:, slot, None] == shown[:, :slot]).any(axis=1), slot] = -1
    found[np.arange(MAX_SEARCHES)[None, :] >= search_counts[:, None]] = -1
    clicked = (attention < compute_open_probability(shown_utility) * POSITION_DECAY ** np.arange(SLOTS)) & (
        shown >= 0
    )
    return SessionDraws(shown, clicked, found, shown_utility, found_utility)

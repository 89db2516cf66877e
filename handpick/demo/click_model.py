"""How people meet phones and choose: slates, clicks with position bias, and direct search; also their expected values.

A session shows one slate of `SLOTS` draws from the shop's ranking, which mixes what is popular with a little of what
the person likes: `exposure(i) ∝ exp(TILT · utility)` with utility including what everybody likes. A shown phone is
clicked with `position_bias(k) · sigmoid(utility - RESERVE)`. Besides, a session opens `Poisson(SEARCHES)` phones found
by search, drawn from `softmax(utility)`. Only the on-sale phones take part.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from handpick.dataset.oracle.click_model import (
    POSITION_DECAY,
    SEARCHES,
    SLOTS,
    TILT,
    open_probability,
    session_blocks,
)
from handpick.demo.arrays import Doubles, Floats, Ints

MOST_SEARCHES = 4


@dataclass(frozen=True)
class Draws:
    """What sessions showed and what was opened.

    Args:
        shown: `(sessions, SLOTS)` shelf columns in order of position; -1 where a draw repeated an earlier one.
        clicked: `(sessions, SLOTS) bool`.
        found: `(sessions, MOST_SEARCHES)` shelf columns opened by search, -1 for none.
        shown_utility, found_utility: Utilities of the same shapes.
    """

    shown: Ints
    clicked: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
    found: Ints
    shown_utility: Floats
    found_utility: Floats


def pick(weights: Floats, uniform: Doubles) -> Ints:
    """Draw columns in proportion to each row's weights: `(rows, m)` weights, `(rows, k)` uniforms, `(rows, k)` out."""
    rows, columns = weights.shape
    summed = np.cumsum(weights, axis=1, dtype=np.float64)
    summed /= summed[:, -1:]
    summed += np.arange(rows)[:, None]
    targets = uniform + np.arange(rows)[:, None]
    found = np.searchsorted(summed.ravel(), targets.ravel(), side="right").reshape(targets.shape)
    return np.clip(found - np.arange(rows)[:, None] * columns, 0, columns - 1).astype(np.int64)


def choose(side: Floats, constant: Floats, shelf: Floats, random: np.random.Generator) -> Draws:
    """Simulate sessions of people (`(sessions, d)` with their constants) at one shelf (`(phones on sale, d)`)."""
    sessions = len(side)
    slots = random.random((sessions, SLOTS))
    attention = random.random((sessions, SLOTS))
    search = random.random((sessions, MOST_SEARCHES))
    wanted = random.poisson(SEARCHES, sessions)
    shown = np.empty((sessions, SLOTS), np.int64)
    found = np.empty((sessions, MOST_SEARCHES), np.int64)
    shown_utility = np.empty((sessions, SLOTS), np.float32)
    found_utility = np.empty((sessions, MOST_SEARCHES), np.float32)

    def simulate(part: slice) -> None:
        utility = side[part] @ shelf.T
        weights = np.exp(utility - utility.max(axis=1, keepdims=True))
        found[part] = pick(weights, search[part])
        np.power(weights, TILT, out=weights)
        shown[part] = pick(weights, slots[part])
        shown_utility[part] = np.take_along_axis(utility, shown[part], 1) + constant[part, None]
        found_utility[part] = np.take_along_axis(utility, found[part], 1) + constant[part, None]

    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(simulate, session_blocks(sessions, len(shelf))))
    for slot in range(1, SLOTS):
        shown[(shown[:, slot, None] == shown[:, :slot]).any(axis=1), slot] = -1
    found[np.arange(MOST_SEARCHES)[None, :] >= wanted[:, None]] = -1
    clicked = (attention < open_probability(shown_utility) * POSITION_DECAY ** np.arange(SLOTS)) & (
        shown >= 0
    )
    return Draws(shown, clicked, found, shown_utility, found_utility)

"""The demo shop's click model in expectation: how often one session opens each phone.

A session shows one slate of `SLOTS` draws from the shop's ranking, which mixes what is popular with a little
of what the user likes: `exposure(i) ∝ exp(TILT · utility)`. A shown phone is opened with
`POSITION_DECAY**position · sigmoid(utility - RESERVE)`. It also opens `Poisson(SEARCHES)` phones
found by search, drawn from `softmax(utility)`. Only phones on sale take part. `handpick.demo.click_model`
samples from the same model.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from models.dataset import FloatArray

SLOTS = 8
TILT = 0.5
RESERVE = 1.2
POSITION_DECAY = 0.88
SEARCHES = 1.1
BLOCK_UTILITIES = 500_000
"""Utilities computed at once: few enough to stay in the cache, and memory is bounded at any size of shop."""

MEAN_POSITION_BIAS = float(np.mean(POSITION_DECAY ** np.arange(SLOTS)))


def split_sessions(sessions: int, columns: int) -> Iterator[slice]:
    """Yield slices over the sessions such that no block holds more than `BLOCK_UTILITIES` utilities."""
    step = max(1, BLOCK_UTILITIES // max(columns, 1))
    for start in range(0, sessions, step):
        yield slice(start, min(start + step, sessions))


def compute_open_probability(utility: FloatArray) -> FloatArray:
    """Return the probability that a phone at the first position is opened, `sigmoid(utility - RESERVE)`."""
    return (1 / (1 + np.exp(RESERVE - utility))).astype(np.float32)


def compute_expected_opens(users: FloatArray, constant: FloatArray, phones: FloatArray) -> FloatArray:
    """Return the expected number of times that one session of each user opens each phone on sale.

    Args:
        users: `(users, d)` their side of the inner product.
        constant: `(users,)`.
        phones: `(phones on sale, d)`.

    Returns:
        `(users, phones on sale) float32`.
    """
    utility = users @ phones.T
    search = np.exp(utility - utility.max(axis=1, keepdims=True))
    exposure = search**TILT
    search /= search.sum(axis=1, keepdims=True)
    exposure /= exposure.sum(axis=1, keepdims=True)
    # Slots are drawn with replacement; a phone is shown if any of them holds it.
    shown = 1 - (1 - exposure) ** SLOTS
    clicks = shown * MEAN_POSITION_BIAS * compute_open_probability(utility + constant[:, None])
    return (clicks + SEARCHES * search).astype(np.float32)

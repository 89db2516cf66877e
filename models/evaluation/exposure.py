"""Exposure-corrected estimates: what lists would have earned, from what was shown by somebody else's lists."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.data import EVENT_TYPES, BoolArray, Interactions

IMPRESSION = EVENT_TYPES.index("impression")
ANSWER_SECONDS = 3600
"""A phone that is opened within this time of being shown was clicked."""

Doubles = NDArray[np.float64]


def snips(reward: Doubles, propensity: Doubles, target: Doubles, clip: float = 100.0) -> float:
    """Self-normalised inverse propensity estimate of the reward under a target policy; NaN without overlap.

    `sum(w * reward) / sum(w)`, `w = min(target / propensity, clip)` (Swaminathan and Joachims, NeurIPS 2015, eq. 8).

    Args:
        reward: `(shown,)` what each logged showing earned.
        propensity: `(shown,)` the probability with which it was shown, above 0.
        target: `(shown,)` the probability with which the target would have shown it.
        clip: Bound of a weight, against the variance of rarely shown items.
    """
    weight = np.minimum(target / np.maximum(propensity, 1e-12), clip)
    total = weight.sum()
    return float((weight * reward).sum() / total) if total > 0 else float("nan")


def clicked(shown: Interactions, events: Interactions, items: int) -> BoolArray:
    """`(shown,)` whether the user did something positive with the item within an hour of its being shown.

    Args:
        shown: The impressions.
        events: All events of the same time.
        items: Size of the catalogue.
    """
    positive = events.positive()
    key = positive.user * items + positive.item
    order = np.lexsort((positive.at, key))
    key, at = key[order], positive.at[order]
    wanted = shown.user * items + shown.item
    # Keys and times as one sorted number: the first positive event of this user and item at or after the showing.
    base = int(min(shown.at.min(initial=0), at.min(initial=0)))
    span = int(max(shown.at.max(initial=0), at.max(initial=0))) - base + 1
    combined = key * span + (at - base)
    place = np.searchsorted(combined, wanted * span + (shown.at - base))
    inside = np.minimum(place, max(len(key) - 1, 0))
    if not len(key):
        return np.zeros(len(shown), bool)
    is_same = (place < len(key)) & (key[inside] == wanted)
    return np.asarray(is_same & (at[inside] - shown.at <= ANSWER_SECONDS))


def shown_propensity(past: Interactions, items: int, slots: float) -> Doubles:
    """`(items,)` the probability that a slate of `slots` places shows each item, from past impressions.

    One impression is added to each item, so that nothing shown tonight has probability 0.
    """
    counts = np.bincount(past.item[past.event_type == IMPRESSION], minlength=items) + 1.0
    return np.asarray(np.minimum(slots * counts / counts.sum(), 1.0))

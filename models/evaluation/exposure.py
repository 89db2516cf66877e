"""Exposure-corrected estimates: what lists would have earned, from what was shown by somebody else's lists.

A click needs that a phone was shown, that its place was looked at, and that it pleased. The logging policy decided the
first two: `propensity` is the chance of being shown, `looked_at` the chance that a place is looked at (the
position-based model of Joachims, Swaminathan and Schnabel, WSDM 2017).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.data import EVENT_TYPES, BoolArray, IntArray, Interactions

IMPRESSION = EVENT_TYPES.index("impression")
ANSWER_SECONDS = 3600
"""A phone that is opened within this time of being shown was clicked."""
LOOKS_ROUNDS = 200
PRIOR_CLICKS = 20.0
"""Expected clicks by which each place leans on the curve assumed beforehand."""

Doubles = NDArray[np.float64]


class Estimate(NamedTuple):
    """A self-normalised estimate.

    Args:
        earned: `(shown,)` each showing's part of the numerator, its weight times what it earned.
        weight: `(shown,)` its part of the denominator.
    """

    earned: Doubles
    weight: Doubles

    @property
    def value(self) -> float:
        """`sum(earned) / sum(weight)`; NaN without overlap."""
        total = self.weight.sum()
        return float(self.earned.sum() / total) if total > 0 else float("nan")

    @property
    def effective(self) -> float:
        """Kish's effective number of showings, `sum(w)^2 / sum(w^2)`."""
        squares = float((self.weight**2).sum())
        return float(self.weight.sum() ** 2 / squares) if squares > 0 else 0.0

    def influence(self, user: IntArray) -> Doubles:
        """`(users who count,)`: numbers whose mean is the estimate and whose spread is its error (delta method)."""
        rows = np.unique(user, return_inverse=True)[1]
        earned, weight = (np.bincount(rows, weights=part) for part in self)
        there = weight > 0
        earned, weight = earned[there], weight[there]
        if not len(weight):
            return np.empty(0, np.float64)
        return np.asarray(self.value + (earned - self.value * weight) / weight.mean())


def snips(
    reward: Doubles,
    propensity: Doubles,
    target: Doubles,
    looked_at: Doubles | None = None,
    clip: float = 100.0,
) -> Estimate:
    """The self-normalised inverse propensity estimate of the reward of what a target policy lists, when looked at.

    `sum(w * reward / looked_at) / sum(w)`, `w = min(target / propensity, clip)` (Swaminathan and Joachims, NeurIPS
    2015, eq. 8; with places, Li et al., "Offline evaluation of ranking policies with click models", KDD 2018).

    Args:
        reward: `(shown,)` what each logged showing earned.
        propensity: `(shown,)` the probability with which it was shown, above 0.
        target: `(shown,)` the weight that the target gives it: the probability that it lists it, times that with which
            its place is looked at.
        looked_at: `(shown,)` the probability with which the place where it was shown is looked at; 1 where None.
        clip: Bound of a weight, against the variance of rarely shown items.
    """
    weight = np.minimum(target / np.maximum(propensity, 1e-12), clip)
    seen = 1.0 if looked_at is None else np.maximum(looked_at, 1 / clip)
    return Estimate(weight * reward / seen, weight)


def looks(shown: IntArray, place: IntArray, reward: Doubles, prior: Doubles) -> Doubles:
    """`(places,)` how often each place is looked at beside the first, from the same thing shown at different places.

    Clicks of one thing at one place are Poisson with mean `showings * appeal[thing] * looks[place]`; both are fitted
    in turn. A thing that was only ever at one place says nothing, so that a policy which puts the best on top does not
    pass for people who look at the top (intervention harvesting: Agarwal et al., WSDM 2019).

    Args:
        shown: `(shown,)` code of what was shown, to whom: one for each user and item.
        place: `(shown,)` from 0.
        reward: `(shown,)` 1 where it was clicked.
        prior: `(places,)` the curve assumed beforehand, 1 at the first place; it counts as `PRIOR_CLICKS` a place.
    """
    thing = np.unique(shown, return_inverse=True)[1]
    clicks_of, clicks_at = np.bincount(thing, reward), np.bincount(place, reward, len(prior))
    curve = prior.astype(np.float64)
    for _ in range(LOOKS_ROUNDS):
        appeal = clicks_of / np.maximum(np.bincount(thing, curve[place]), 1e-12)
        expected = np.bincount(place, appeal[thing], len(prior))
        before = curve
        curve = (clicks_at + PRIOR_CLICKS * prior) / (expected + PRIOR_CLICKS)
        curve = curve / curve[0]
        if np.abs(curve - before).max() < 1e-6:
            break
    return np.minimum(curve, 1.0)


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

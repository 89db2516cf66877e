"""Off-policy estimates: the clicks that lists would have got, from impressions of another policy's lists.

A click needs that an item was shown, that its place was examined, and that the user liked it. The logging
policy decided the first two: `propensity` is the probability of being shown, `examined` the probability that
a place is looked at (the position-based model of Joachims, Swaminathan and Schnabel, WSDM 2017).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.dataset import EVENT_TYPES, BoolArray, IntArray, Interactions

IMPRESSION = EVENT_TYPES.index("impression")
CLICK_WINDOW_SECONDS = 3600
"""An item that is opened within this time of its impression was clicked."""
MAX_FIT_ROUNDS = 200
"""Maximum number of rounds of the alternating fit; it ends earlier where the curve stops moving."""
PRIOR_CLICKS = 20.0
"""Weight of the prior curve at each place, in expected clicks."""

Doubles = NDArray[np.float64]


class OffPolicyEstimate(NamedTuple):
    """A self-normalised off-policy estimate.

    Args:
        weighted_reward: `(impressions,)` terms of the numerator: weight times reward of each impression.
        weight: `(impressions,)` terms of the denominator.
    """

    weighted_reward: Doubles
    weight: Doubles

    @property
    def value(self) -> float:
        """The estimate, `sum(weighted_reward) / sum(weight)`; NaN where the target lists nothing shown."""
        total = self.weight.sum()
        return float(self.weighted_reward.sum() / total) if total > 0 else float("nan")

    @property
    def effective_impressions(self) -> float:
        """The effective number of impressions by Kish, `sum(w)^2 / sum(w^2)`."""
        squares = float((self.weight**2).sum())
        return float(self.weight.sum() ** 2 / squares) if squares > 0 else 0.0

    def compute_influence(self, user: IntArray) -> Doubles:
        """Compute each user's influence on the estimate (delta method).

        A bootstrap over users of these values gives an interval of the estimate, without dividing by
        resampled sums.

        Args:
            user: `(impressions,)` who saw each impression.

        Returns:
            `(users with weight,)` numbers whose mean is the estimate and whose standard error is its own.
        """
        rows = np.unique(user, return_inverse=True)[1]
        reward, weight = (np.bincount(rows, weights=part) for part in self)
        has_weight = weight > 0
        reward, weight = reward[has_weight], weight[has_weight]
        if not len(weight):
            return np.empty(0, np.float64)
        return np.asarray(self.value + (reward - self.value * weight) / weight.mean())


def estimate_snips(
    reward: Doubles,
    propensity: Doubles,
    target: Doubles,
    examined: Doubles | None = None,
    clip: float = 100.0,
) -> OffPolicyEstimate:
    """Estimate a target policy's reward for each examined place, by self-normalised IPS (SNIPS).

    `sum(w * reward / examined) / sum(w)`, `w = min(target / propensity, clip)` (Swaminathan and Joachims,
    NeurIPS 2015, eq. 8; with places, Li et al., "Offline evaluation of ranking policies with click models",
    KDD 2018).

    Args:
        reward: `(impressions,)` reward of each logged impression.
        propensity: `(impressions,)` the probability with which it was shown, above 0.
        target: `(impressions,)` the weight that the target gives it: the probability that it lists the item,
            times that with which the item's place there is examined.
        examined: `(impressions,)` the probability with which the place where it was shown is examined; 1
            where None.
        clip: Bound of a weight, against the variance of rarely shown items.
    """
    weight = np.minimum(target / np.maximum(propensity, 1e-12), clip)
    seen = 1.0 if examined is None else np.maximum(examined, 1 / clip)
    return OffPolicyEstimate(weight * reward / seen, weight)


def fit_examination_curve(shown: IntArray, place: IntArray, reward: Doubles, prior: Doubles) -> Doubles:
    """Fit how often each place is examined, from the same items shown to the same users at different places.

    Clicks of one pair of user and item at one place are Poisson with mean
    `impressions * appeal[pair] * curve[place]`; appeal and curve are fitted in turn. A pair that was only
    ever shown at one place has no influence, so that a policy which puts the best items on top is not
    mistaken for users who look at the top (intervention harvesting: Agarwal et al., WSDM 2019).

    Args:
        shown: `(impressions,)` code of the pair of user and item.
        place: `(impressions,)` from 0.
        reward: `(impressions,)` 1 where it was clicked.
        prior: `(places,)` the curve assumed beforehand, 1 at the first place; it counts as `PRIOR_CLICKS` a
            place.

    Returns:
        `(places,)` probabilities relative to the first place, at most 1.
    """
    pair = np.unique(shown, return_inverse=True)[1]
    clicks_of, clicks_at = np.bincount(pair, reward), np.bincount(place, reward, len(prior))
    curve = prior.astype(np.float64)
    for _ in range(MAX_FIT_ROUNDS):
        # Each factor given the other one is the maximum of a Poisson likelihood in closed form.
        appeal = clicks_of / np.maximum(np.bincount(pair, curve[place]), 1e-12)
        expected = np.bincount(place, appeal[pair], len(prior))
        before = curve
        curve = (clicks_at + PRIOR_CLICKS * prior) / (expected + PRIOR_CLICKS)
        # Only the product of appeal and curve is determined, so the first place is set to 1.
        curve = curve / curve[0]
        if np.abs(curve - before).max() < 1e-6:
            break
    return np.minimum(curve, 1.0)


def find_clicks(shown: Interactions, events: Interactions, items: int) -> BoolArray:
    """Find the impressions that were clicked: the user did something positive with the item within an hour.

    Args:
        shown: The impressions.
        events: All events of the same time.
        items: Size of the catalogue.

    Returns:
        `(impressions,)`.
    """
    positive = events.positive()
    key = positive.user * items + positive.item
    order = np.lexsort((positive.at, key))
    key, at = key[order], positive.at[order]
    shown_key = shown.user * items + shown.item
    # Keys and times as one sorted number, so that one binary search finds the first positive event of this
    # user and item at or after the impression.
    base = int(min(shown.at.min(initial=0), at.min(initial=0)))
    span = int(max(shown.at.max(initial=0), at.max(initial=0))) - base + 1
    combined = key * span + (at - base)
    place = np.searchsorted(combined, shown_key * span + (shown.at - base))
    inside = np.minimum(place, max(len(key) - 1, 0))
    if not len(key):
        return np.zeros(len(shown), bool)
    is_same = (place < len(key)) & (key[inside] == shown_key)
    return np.asarray(is_same & (at[inside] - shown.at <= CLICK_WINDOW_SECONDS))


def estimate_propensity(past: Interactions, items: int, slots: float) -> Doubles:
    """Estimate the probability that a slate shows each item, from past impressions.

    One impression is added to each item, so that nothing that was shown has probability 0.

    Args:
        past: Events, of which impressions are counted.
        items: Size of the catalogue.
        slots: Places of a slate.

    Returns:
        `(items,)`.
    """
    counts = np.bincount(past.item[past.event_type == IMPRESSION], minlength=items) + 1.0
    return np.asarray(np.minimum(slots * counts / counts.sum(), 1.0))

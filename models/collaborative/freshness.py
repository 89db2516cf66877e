"""Freshness: how often items of each age since release are liked; needs no event of the item itself."""

from __future__ import annotations

import numpy as np

from models.collaborative.base import Arrays, Member
from models.config import FreshnessConfig
from models.dataset import DAY_SECONDS, Dataset, FloatArray, IntArray
from models.recommender_interface import Factors

AGE_BOUNDS_DAYS = np.array([0, 1, 2, 3, 5, 8, 12, 18, 26, 36, 50, 70, 100, 180, 365])
"""Lower ends of the age groups, days since release."""


class Freshness(Member):
    """Scores `log(events an item gets per day at its age / events an average item gets per day)`."""

    settings_class = FreshnessConfig
    config: FreshnessConfig

    def learn(self, data: Dataset, seed: int) -> Arrays:  # noqa: ARG002
        """Count one rate for each age group, shrunk towards the average rate (`prior_events`)."""
        events = data.interactions.positive()
        released = data.catalogue.released_at
        if not len(events):
            return {"rates": np.zeros(len(AGE_BOUNDS_DAYS), np.float32)}
        # Divided by items on sale of each age: few items are new, so even liked ones have few events.
        days = np.arange(events.at.min() // DAY_SECONDS, data.as_of // DAY_SECONDS)
        weighted_events = np.bincount(
            find_age_groups(events.at, released[events.item]),
            weights=events.weight,
            minlength=len(AGE_BOUNDS_DAYS),
        )
        on_sale = np.zeros(len(AGE_BOUNDS_DAYS))
        for day in days:
            present = released[released < (day + 1) * DAY_SECONDS]
            on_sale += np.bincount(
                find_age_groups(np.full(len(present), day * DAY_SECONDS), present),
                minlength=len(AGE_BOUNDS_DAYS),
            )
        mean = weighted_events.sum() / max(on_sale.sum(), 1)
        prior = self.config.prior_events
        rates = (weighted_events + prior) / (on_sale * mean + prior)
        return {"rates": np.log(np.maximum(rates, 1e-6)).astype(np.float32)}

    def factors(self, data: Dataset, users: IntArray) -> Factors:
        """Return the rate of each item's age at `data.as_of`, the same for every user."""
        now = np.full(len(data.catalogue), data.as_of)
        rates: FloatArray = self.array("rates")[find_age_groups(now, data.catalogue.released_at)]
        return Factors(np.ones((len(users), 1), np.float32), rates[:, None])


def find_age_groups(at: IntArray, released_at: IntArray) -> IntArray:
    """Return indices into `AGE_BOUNDS_DAYS`; items that are not released yet count as released now.

    Args:
        at: Seconds since 1970 UTC.
        released_at: Seconds since 1970 UTC.
    """
    days = np.maximum(at - released_at, 0) // DAY_SECONDS
    return np.searchsorted(AGE_BOUNDS_DAYS, days, side="right").astype(np.int64) - 1

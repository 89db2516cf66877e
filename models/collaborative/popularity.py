"""Popularity with time decay, by country: the baseline that every other member must beat."""

from __future__ import annotations

import numpy as np

from models.collaborative.base import Arrays, Member
from models.config import PopularityConfig
from models.dataset import DAY_SECONDS, Dataset, IntArray
from models.recommender_interface import Factors


class Popularity(Member):
    """Scores `log(1 + decayed weight of an item's events)` by country, mixed with that of all countries.

    It counts the events of the dataset that it scores, so it is never stale.
    """

    settings_class = PopularityConfig
    config: PopularityConfig

    def learn(self, data: Dataset, seed: int) -> Arrays:  # noqa: ARG002
        """Learn nothing: popularity is counted on the data that is scored.

        The file format needs an array, so a placeholder is returned.
        """
        return {"none": np.zeros(1, np.float32)}

    def factors(self, data: Dataset, users: IntArray) -> Factors:
        """Return users' one-hot countries, and items' popularity in each country."""
        names, country = np.unique(data.users.country, return_inverse=True)
        events = data.interactions.positive()
        weights = events.weight.astype(np.float64)
        if self.config.half_life_days is not None:
            weights *= 0.5 ** ((data.as_of - events.at) / (self.config.half_life_days * DAY_SECONDS))
        counts = np.zeros((len(names), len(data.catalogue)))
        np.add.at(counts, (country[events.user], events.item), weights)
        overall = counts.sum(axis=0)
        # A country with few events leans on the shares of all countries.
        share = overall / max(overall.sum(), 1e-12)
        mixed = np.log1p(counts + self.config.prior_events * share)
        return Factors(np.eye(len(names), dtype=np.float32)[country[users]], mixed.T.astype(np.float32))

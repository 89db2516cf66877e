"""Content-based filtering: phones like those that the user looked at and asked for, whoever else liked them."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from models.collaborative.base import DAY, Arrays, Member, preferences
from models.config import ContentConfig
from models.content_code import learned_code, told_code
from models.data import Dataset, FloatArray, IntArray, Modality
from models.interface import Factors
from models.normalize import unit_rows

FEW_QUERIES = 50
"""Below this many queries their mean says more about whose they are than about how people ask."""


class Content(Member):
    """Cosine between each modality of a phone and the user's profile in it, summed over modalities and a learned code of all.

    The profile is the time-decayed sum of the vectors of phones liked and, where queries are encoded in the same
    space, of queries. Vectors are centred on the mean phone (queries on the mean query), so that likeness means
    sharing what is uncommon. One event or one query is enough for a user, and none for a phone.
    """

    settings_class = ContentConfig
    config: ContentConfig

    def learn(self, data: Dataset, seed: int) -> Arrays:
        """The mean vectors, and the code of the whole content."""
        learned: Arrays = {"none": np.zeros(1, np.float32)}
        names = self._modalities(data)
        learned |= learned_code(data, names, self.config.code, self.config.rows, seed)
        for name in names:
            learned[f"item_{name}"] = _mean(data.catalogue.modalities[name])
            queries = data.queries.modalities.get(name)
            if queries is not None and queries.present.sum() >= FEW_QUERIES:
                learned[f"query_{name}"] = _mean(queries)
        return learned

    def factors(self, data: Dataset, users: IntArray) -> Factors:
        """Profiles and phones, the weighted modalities and the code side by side."""
        history = preferences(data, users, data.catalogue.item_ids, self.config.half_life_days)
        profiles, phones = [], []
        names = self._modalities(data)
        for name in names:
            items = self._unit(data.catalogue.modalities[name], f"item_{name}")
            profile = np.asarray(history @ items, np.float32) + self._asked(data, users, name, items.shape[1])
            phones.append(items)
            profiles.append(unit_rows(profile) * np.float32(self.config.modality_weights[name]))
        code = told_code(self.arrays, data, names)
        if code is not None:
            phones.append(code)
            profile = unit_rows(np.asarray(history @ code, np.float32))
            profiles.append(profile * np.float32(self.config.code_weight))
        if not phones:
            return Factors(
                np.zeros((len(users), 1), np.float32), np.zeros((len(data.catalogue), 1), np.float32)
            )
        return Factors(np.hstack(profiles), np.hstack(phones))

    def _modalities(self, data: Dataset) -> list[str]:
        weights = self.config.modality_weights
        return [
            name for name in sorted(data.catalogue.modalities) if weights.get(name) and _width(data, name)
        ]

    def _asked(self, data: Dataset, users: IntArray, name: str, width: int) -> FloatArray:
        """`(users, width)`: the decayed sum of the users' query vectors, zero where they live in another space."""
        queries = data.queries.modalities.get(name)
        if queries is None or queries.values.shape[1] != width or not len(data.queries):
            return np.zeros((len(users), width), np.float32)
        row_of = np.full(len(data.users), -1, np.int64)
        row_of[users] = np.arange(len(users))
        mine = np.flatnonzero(row_of[data.queries.user] >= 0)
        age = (data.as_of - data.queries.at[mine]) / DAY
        weights = np.full(len(mine), self.config.query_weight)
        if self.config.half_life_days is not None:
            weights *= 0.5 ** (age / self.config.half_life_days)
        sums = sparse.csr_matrix(
            (weights, (row_of[data.queries.user[mine]], np.arange(len(mine)))), shape=(len(users), len(mine))
        )
        return np.asarray(sums @ self._unit(queries.take(mine), f"query_{name}"), np.float32)

    def _unit(self, modality: Modality, mean: str) -> FloatArray:
        """Centred rows of length 1; zero rows where the modality is missing."""
        values = modality.values
        if mean in self.arrays and self.arrays[mean].shape == (values.shape[1],):
            values = values - self.array(mean)
        return unit_rows(values) * modality.present[:, None]


def _width(data: Dataset, name: str) -> int:
    modality = data.catalogue.modalities[name]
    return int(modality.values.shape[1]) if modality.present.any() else 0


def _mean(modality: Modality) -> FloatArray:
    return np.asarray(modality.values[modality.present].mean(axis=0), np.float32)

"""Content-based filtering: items similar to those that the user liked and searched for."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from models.collaborative.base import Arrays, Member, build_preferences
from models.config import ContentConfig
from models.content_code import encode_content, fit_content_code
from models.dataset import DAY_SECONDS, Dataset, FloatArray, IntArray, Modality
from models.recommender_interface import Factors
from models.row_normalisation import normalise_rows

MIN_QUERIES = 50
"""Fewest queries whose mean is subtracted; the mean of fewer would mostly describe who searched."""


class ContentBased(Member):
    """The cosine of item content and user profile, summed over modalities and a learned code of all.

    The profile is the time-decayed sum of the vectors of liked items and, where queries are encoded in the
    same space, of queries. Vectors are centred on the mean item (queries on the mean query), so that
    similarity means sharing what is uncommon. A user needs one event or one query, an item none.
    """

    settings_class = ContentConfig
    config: ContentConfig

    def learn(self, data: Dataset, seed: int) -> Arrays:
        """Compute the mean vectors, and fit the code of the whole content."""
        learned: Arrays = {"none": np.zeros(1, np.float32)}  # the file format needs an array
        names = self._modalities(data)
        learned |= fit_content_code(data, names, self.config.code, self.config.rows, seed)
        for name in names:
            learned[f"item_{name}"] = _compute_mean(data.catalogue.modalities[name])
            queries = data.queries.modalities.get(name)
            if queries is not None and queries.present.sum() >= MIN_QUERIES:
                learned[f"query_{name}"] = _compute_mean(queries)
        return learned

    def factors(self, data: Dataset, users: IntArray) -> Factors:
        """Return profiles and item vectors, the weighted modalities and the code concatenated."""
        history = build_preferences(data, users, data.catalogue.item_ids, self.config.half_life_days)
        profiles, items_by_part = [], []
        names = self._modalities(data)
        for name in names:
            items = self._centre_and_normalise(data.catalogue.modalities[name], f"item_{name}")
            profile = np.asarray(history @ items, np.float32) + self._sum_queries(
                data, users, name, items.shape[1]
            )
            items_by_part.append(items)
            profiles.append(normalise_rows(profile) * np.float32(self.config.modality_weights[name]))
        code = encode_content(self.arrays, data, names)
        if code is not None:
            items_by_part.append(code)
            profile = normalise_rows(np.asarray(history @ code, np.float32))
            profiles.append(profile * np.float32(self.config.code_weight))
        if not items_by_part:
            return Factors(
                np.zeros((len(users), 1), np.float32), np.zeros((len(data.catalogue), 1), np.float32)
            )
        return Factors(np.hstack(profiles), np.hstack(items_by_part))

    def _modalities(self, data: Dataset) -> list[str]:
        """List the catalogue's modalities that have a weight and content."""
        weights = self.config.modality_weights
        return [
            name for name in sorted(data.catalogue.modalities) if weights.get(name) and _get_width(data, name)
        ]

    def _sum_queries(self, data: Dataset, users: IntArray, name: str, width: int) -> FloatArray:
        """Sum the users' query vectors with time decay: `(users, width)`.

        Zero where queries are encoded in another space than the items.
        """
        queries = data.queries.modalities.get(name)
        if queries is None or queries.values.shape[1] != width or not len(data.queries):
            return np.zeros((len(users), width), np.float32)
        row_of = np.full(len(data.users), -1, np.int64)
        row_of[users] = np.arange(len(users))
        mine = np.flatnonzero(row_of[data.queries.user] >= 0)
        age = (data.as_of - data.queries.at[mine]) / DAY_SECONDS
        weights = np.full(len(mine), self.config.query_weight)
        if self.config.half_life_days is not None:
            weights *= 0.5 ** (age / self.config.half_life_days)
        sums = sparse.csr_matrix(
            (weights, (row_of[data.queries.user[mine]], np.arange(len(mine)))), shape=(len(users), len(mine))
        )
        return np.asarray(sums @ self._centre_and_normalise(queries.take(mine), f"query_{name}"), np.float32)

    def _centre_and_normalise(self, modality: Modality, mean: str) -> FloatArray:
        """Return centred rows of length 1; zero rows where the modality is missing."""
        values = modality.values
        # An encoder that changed since the fit has another width, and a mean of the old space means nothing.
        if mean in self.arrays and self.arrays[mean].shape == (values.shape[1],):
            values = values - self.array(mean)
        return normalise_rows(values) * modality.present[:, None]


def _get_width(data: Dataset, name: str) -> int:
    """Return the width of a modality's vectors, 0 where no item has it."""
    modality = data.catalogue.modalities[name]
    return int(modality.values.shape[1]) if modality.present.any() else 0


def _compute_mean(modality: Modality) -> FloatArray:
    """Return the mean vector of the rows that are present."""
    return np.asarray(modality.values[modality.present].mean(axis=0), np.float32)

"""Feature combination: collaborative factors regressed on content, so that new items have factors, too."""

from __future__ import annotations

import numpy as np

from models.collaborative.als import Als
from models.collaborative.base import Arrays, Member, find_positions
from models.config import AlsConfig, FeaturesCombinedConfig
from models.dataset import Dataset, FloatArray, IntArray
from models.recommender_interface import Factors
from models.row_normalisation import normalise_rows

TRUST_USERS = 10.0
"""Users of an item at which its own factors count as much as those predicted from its content."""


class FeaturesCombined(Member):
    """ALS factors of items, regressed on their content; items with few users rely on the regression.

    Gantner et al., "Learning attribute-to-feature mappings for cold-start recommendations", ICDM 2010.
    """

    settings_class = FeaturesCombinedConfig
    config: FeaturesCombinedConfig

    def learn(self, data: Dataset, seed: int) -> Arrays:
        """Fit ALS, the trust in each item's factors, and the ridge regression from content to factors.

        Items weigh as much in the regression as they have users, whose number decides how precise their
        factors are.
        """
        factors = self._make_als().fit(data, seed).array("items")
        history = self.history(data, np.arange(len(data.users)))
        counts = np.bincount(history.indices, minlength=history.shape[1]).astype(np.float32)
        content = build_content_matrix(data)[find_positions(data.catalogue.item_ids, self.item_ids)]
        warm = counts > 0
        # Weighted least squares: rows times the square roots of their weights.
        weighted = content[warm] * np.sqrt(counts[warm])[:, None]
        gram = weighted.T @ weighted + self.config.ridge * np.eye(content.shape[1], dtype=np.float32)
        targets = factors[warm] * np.sqrt(counts[warm])[:, None]
        mapping = np.linalg.solve(gram.astype(np.float64), (weighted.T @ targets).astype(np.float64))
        return {
            "items": factors,
            "trust": counts / (counts + np.float32(TRUST_USERS)),
            "mapping": mapping.astype(np.float32),
        }

    def factors(self, data: Dataset, users: IntArray) -> Factors:
        """Return users' ALS vectors, and items' means of learned and predicted vectors, weighted by trust."""
        als = self._make_als()
        als.item_ids, als.arrays = self.item_ids, {"items": self.array("items")}
        place = find_positions(self.item_ids, data.catalogue.item_ids)
        known = np.maximum(place, 0)
        trust = np.where(place >= 0, self.array("trust")[known], np.float32(0))[:, None]
        content = build_content_matrix(data)
        mapping = self.array("mapping")
        # With encoders changed since the fit the regression does not fit the content: learned factors only.
        if content.shape[1] != len(mapping):
            content = np.zeros((len(content), len(mapping)), np.float32)
        items = trust * self.array("items")[known] + (1 - trust) * (content @ mapping)
        return Factors(als.known_factors(data, users).users, np.asarray(items, np.float32))

    def _make_als(self) -> Als:
        """Return an unfitted ALS with this member's width and time decay."""
        return Als(AlsConfig(dim=self.config.dim, half_life_days=self.config.half_life_days))


def build_content_matrix(data: Dataset) -> FloatArray:
    """Return `(items, d)`: a column of ones, then all modalities, each modality's rows of length 1."""
    parts = [np.ones((len(data.catalogue), 1), np.float32)]
    for name in sorted(data.catalogue.modalities):
        modality = data.catalogue.modalities[name]
        parts.append(normalise_rows(modality.values) * modality.present[:, None])
    return np.hstack(parts)

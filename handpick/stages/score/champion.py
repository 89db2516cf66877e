"""The champion: the blend of models that the gate chose, as the scorer of the night's users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from handpick.night import Night
from handpick.runtime.log import log_progress
from handpick.stages.evaluate.public import load_blend
from handpick.stages.gate.public import read_decision
from models.config import ContentConfig
from models.content import ContentBased
from models.dataset import BoolArray, Dataset, FloatArray, IntArray, StringArray
from models.hybrids.standardisation import standardise_factors
from models.hybrids.weighted import Blend
from models.recommender.late_fusion import LateFusion
from models.recommender.recommender import FusionRecommender
from models.recommender_interface import Factors

FUSION = "fusion"
"""Name of the fusion model among the members."""


class ModalityWeights(NamedTuple):
    """How much each modality contributes to vectors.

    Args:
        names: Of the modalities.
        weights: `(rows, modalities) float32`, 0 where missing, summing to 1 where anything is present.
    """

    names: tuple[str, ...]
    weights: FloatArray


@dataclass(frozen=True)
class Champion:
    """The scorer made of the champion's blend.

    Args:
        blend: The weighted members.
        content: Settings of the item vectors where no fusion model was trained.
        seed: Seed of the night.
    """

    blend: Blend
    content: ContentConfig
    seed: int

    def factors(self, data: Dataset, users: IntArray) -> Factors:
        """Return the blend's factors of some users and the whole catalogue."""
        return self.blend.factors(data, users)

    def name_sources(self, data: Dataset, users: IntArray) -> StringArray:
        """Name the members behind each user's scores, largest weight first, joined by `+`.

        A user without events is unknown to behavioural members although their segment's blend may contain
        some, so for such users each member's scores are checked for a difference between phones.

        Returns:
            `(users,)`; empty where no member scores phones differently.
        """
        found = self.blend.name_sources(data, users).astype(object)
        counts = np.bincount(data.interactions.positive().user, minlength=len(data.users))
        # Only users without events are checked: it needs every member's factors once more.
        quiet = np.flatnonzero(counts[users] == 0)
        opinions = {
            name: self._has_opinion(name, data, users[quiet])
            for name in self.blend.used_members
            if len(quiet)
        }
        for place, row in enumerate(quiet.tolist()):
            names = found[row].split("+")
            found[row] = "+".join(name for name in names if name in opinions and opinions[name][place])
        return np.array(found, dtype=str)

    def item_vectors(self, data: Dataset) -> FloatArray:
        """Return `(items, d) float32` phone vectors of the fusion model, or else of the content member."""
        if FUSION in self.blend.members:
            fusion: Any = self.blend.members[FUSION]
            return np.asarray(fusion.item_vectors(data), np.float32)
        return _make_content_vectors(self.content, data, self.seed)

    def list_terms(self, data: Dataset) -> list[tuple[str, int]]:
        """Return the terms of the score, and how many columns of the factors each one has, in their order."""
        nobody = np.zeros(0, np.int64)
        parts = self.blend.factors_by_term(data, nobody)
        return [(name, part.items.shape[1]) for name, part in parts.items()]

    def weigh_item_modalities(self, data: Dataset) -> ModalityWeights | None:
        """Return how much each modality contributes to the fusion model's vector of each phone.

        None where no fusion model takes part in the scores.
        """
        fusion = self._find_fusion()
        return None if fusion is None else ModalityWeights(*fusion.item_weights(data))

    def weigh_user_modalities(self, data: Dataset, users: IntArray) -> ModalityWeights | None:
        """Return how much each modality contributes to the fusion model's vector of some users.

        None where no fusion model takes part in the scores, or it has a model for each modality.
        """
        fusion = self._find_fusion()
        if not isinstance(fusion, FusionRecommender):
            return None
        return ModalityWeights(*fusion.user_weights(data, users))

    def _find_fusion(self) -> FusionRecommender | LateFusion | None:
        """Return the fusion model if it takes part in the scores."""
        fusion = self.blend.members.get(FUSION) if FUSION in self.blend.used_members else None
        return fusion if isinstance(fusion, FusionRecommender | LateFusion) else None

    def _has_opinion(self, name: str, data: Dataset, users: IntArray) -> BoolArray:
        """Return `(users,)` whether a member's scores of each user differ between phones."""
        scaled = standardise_factors(self.blend.members[name].factors(data, users))
        return np.asarray((scaled.users != 0).any(axis=1))


@dataclass(frozen=True)
class PopularityOnly:
    """The scorer of a night on which no model may score: it has no opinion of any user.

    Args:
        content: Settings of the item vectors, for the lists of similar phones.
        seed: Seed of the night.
    """

    content: ContentConfig
    seed: int

    def factors(self, data: Dataset, users: IntArray) -> Factors:
        """Return factors that score all phones alike."""
        return Factors(np.zeros((len(users), 1), np.float32), np.zeros((len(data.catalogue), 1), np.float32))

    def name_sources(self, data: Dataset, users: IntArray) -> StringArray:  # noqa: ARG002
        """Return an empty name for each user, so that all get popular phones."""
        return np.full(len(users), "")

    def item_vectors(self, data: Dataset) -> FloatArray:
        """Return `(items, d) float32` phone vectors of the content member."""
        return _make_content_vectors(self.content, data, self.seed)


def _make_content_vectors(content: ContentConfig, data: Dataset, seed: int) -> FloatArray:
    """Return `(items, d) float32` phone vectors of the content member, which need no user."""
    no_users = np.zeros(0, np.int64)
    return ContentBased(content).fit(data, seed).factors(data, no_users).items


def load_champion(night: Night) -> Champion | PopularityOnly:
    """Load the blend of the night that the gate chose, with the models that were trained on all data.

    Where the gate let no model score, there is none, and popularity makes the lists.

    Raises:
        MissingPartition: If the gate has not decided, or the champion's models are missing.
    """
    decision = read_decision(night.lake, night.logical_date)
    if decision.champion_date is None:
        log_progress(f"  no model may score, all lists are by popularity: {decision.reasons[0]}")
        return PopularityOnly(night.settings.family.content, night.seed)
    blend = load_blend(night, decision.champion_date, "serving")
    log_progress(f"  scored by the models of {decision.champion_date}: {', '.join(blend.used_members)}")
    return Champion(blend, night.settings.family.content, night.seed)

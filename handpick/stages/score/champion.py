"""The champion: the blend of models that the gate chose, as a scorer of tonight's users."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from handpick.errors import NightStopped
from handpick.night import Night
from handpick.runtime.log import say
from handpick.stages.evaluate.blend import load_blend
from handpick.stages.gate.decision import read_decision
from models.config import ContentConfig
from models.content import Content
from models.data import BoolArray, Dataset, FloatArray, IntArray, StringArray
from models.hybrids.scaling import standardised
from models.hybrids.weighted import Blend
from models.interface import Factors

FUSION = "fusion"


@dataclass(frozen=True)
class Champion:
    """Scores by the blend; says for each user which of its members had anything to say.

    Args:
        blend: The weighted members.
        content: How phones are compared where no fusion model was trained.
        seed: The night's.
    """

    blend: Blend
    content: ContentConfig
    seed: int

    def factors(self, data: Dataset, users: IntArray) -> Factors:
        """The blend's factors."""
        return self.blend.factors(data, users)

    def source(self, data: Dataset, users: IntArray) -> StringArray:
        """`(users,)`: the members behind each user's scores, heaviest first; empty where no member has an opinion.

        A user without events is unknown to behavioural members although their segment's blend may hold some, so for
        such users each member is asked whether it tells any phone from another.
        """
        found = self.blend.sources(data, users).astype(object)
        counts = np.bincount(data.interactions.positive().user, minlength=len(data.users))
        quiet = np.flatnonzero(counts[users] == 0)
        opinions = {
            name: self._has_opinion(name, data, users[quiet]) for name in self.blend.used if len(quiet)
        }
        for place, row in enumerate(quiet.tolist()):
            names = found[row].split("+")
            found[row] = "+".join(name for name in names if name in opinions and opinions[name][place])
        return np.array(found, dtype=str)

    def item_vectors(self, data: Dataset) -> FloatArray:
        """The fusion model's vectors of phones; without one, their centred content, modalities side by side."""
        if FUSION in self.blend.members:
            fusion: Any = self.blend.members[FUSION]
            return np.asarray(fusion.item_vectors(data), np.float32)
        nobody = np.zeros(0, np.int64)
        return Content(self.content).fit(data, self.seed).factors(data, nobody).items

    def _has_opinion(self, name: str, data: Dataset, users: IntArray) -> BoolArray:
        """`(users,)`: whether a member's scores of these users differ between phones."""
        scaled = standardised(self.blend.members[name].factors(data, users))
        return np.asarray((scaled.users != 0).any(axis=1))


def load_champion(night: Night) -> Champion:
    """The blend of the night that the gate chose, with its models that know everything.

    Raises:
        MissingPartition: If the gate has not decided, or the champion's models are gone.
        NightStopped: If the gate let nobody score.
    """
    decision = read_decision(night.lake, night.logical_date)
    if decision.champion_date is None:
        raise NightStopped(
            f"The gate let nobody score {night.logical_date}: {'; '.join(decision.reasons)}. The lists published "
            f"last stay; `handpick override --date {night.logical_date} --who NAME --why REASON` promotes the challenger."
        )
    blend = load_blend(night, decision.champion_date, "serving")
    say(f"  scored by the models of {decision.champion_date}: {', '.join(blend.used)}")
    return Champion(blend, night.settings.family.content, night.seed)

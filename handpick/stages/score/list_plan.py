"""The plan of a night's lists: the data, rules, settings and engine that all users share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handpick.settings.rules import RulesSettings
from handpick.settings.score import ScoreSettings
from handpick.stages.score.item_metadata import ScoringData
from handpick.stages.score.rerank import PhoneFacts
from handpick.stages.score.rules import Rules
from handpick.stages.score.rules.campaigns import Pin
from handpick.stages.score.topn_engines import Engine
from models.dataset import FloatArray
from models.topn.exact import find_top_n


@dataclass(frozen=True)
class ListPlan:
    """Everything that the lists of all users share on one night.

    Args:
        shop: The dataset and the phones' metadata.
        rules: The night's rules.
        phones: What re-ranking reads of phones.
        score_settings: Settings of the stage.
        rule_settings: Settings of the rules.
        boosts: `(countries, items)` in standard deviations of a user's scores.
        pins: Phones with fixed places, by place.
        rng_seeds: `(users,) uint64` seeds of the users' own draws.
        engine: Runs the top-N.
    """

    shop: ScoringData
    rules: Rules
    phones: PhoneFacts
    score_settings: ScoreSettings
    rule_settings: RulesSettings
    boosts: FloatArray
    pins: list[Pin]
    rng_seeds: NDArray[np.uint64]
    engine: Engine = find_top_n

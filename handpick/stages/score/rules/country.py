"""The rule `country`: no phone that is not sold where the user lives."""

import numpy as np

from handpick.settings.rules import RulesSettings
from handpick.stages.score.item_metadata import ScoringData, match_any
from models.dataset import BoolArray, IntArray


def find_exclusions(shop: ScoringData, settings: RulesSettings) -> tuple[IntArray, BoolArray]:
    """Return each user's country as a code, and `(countries, items)` the phones that are not sold there."""
    names, codes = shop.countries
    mask = np.zeros((len(names), len(shop.data.catalogue)), bool)
    for rule in settings.not_sold:
        unsold = match_any(shop.data.catalogue.item_ids, rule.items) | match_any(
            shop.data.catalogue.brand, rule.brands
        )
        mask[np.isin(names, rule.countries)] |= unsold
    return codes, mask

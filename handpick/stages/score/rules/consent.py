"""The rule `consent`: restricted phones only for users who consented."""

import numpy as np

from handpick.settings.rules import RulesSettings
from handpick.stages.score.item_metadata import ScoringData, match_any
from models.dataset import BoolArray, IntArray


def find_exclusions(shop: ScoringData, settings: RulesSettings) -> tuple[IntArray, BoolArray]:
    """Return each user's consent as 0 or 1, and `(2, items)` the excluded phones of both."""
    restricted = match_any(shop.data.catalogue.item_ids, settings.restricted_items)
    return shop.data.users.is_consented.astype(np.int64), np.stack([restricted, np.zeros_like(restricted)])

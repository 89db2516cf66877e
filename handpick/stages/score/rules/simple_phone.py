"""The rule `simple_phone`: no flagship for who asks for a phone that is simple to use."""

import numpy as np

from handpick.settings.rules import RulesSettings
from handpick.stages.score.item_metadata import ScoringData
from handpick.stages.score.query_topics import asks_for_simple_phone
from models.dataset import BoolArray, IntArray

FLAGSHIP_QUANTILE = 0.8
"""Quantile of the prices on sale from which a phone counts as a flagship."""


def find_exclusions(shop: ScoringData, settings: RulesSettings) -> tuple[IntArray, BoolArray]:
    """Return whether each user's latest query asks for a simple phone, and `(2, items)` what is excluded.

    The flagships are excluded for those who did (1), nothing for the others (0).
    """
    users, items = len(shop.data.users), len(shop.data.catalogue)
    kind, excluded = np.zeros(users, np.int64), np.zeros((2, items), bool)
    if not settings.simple_phone:
        return kind, excluded[:1]
    # Queries are sorted by user and time, and of several writes to one row numpy keeps the last.
    kind[shop.data.queries.user] = [asks_for_simple_phone(str(text)) for text in shop.data.queries.text]
    price = shop.data.catalogue.price
    sold = price[shop.data.catalogue.is_sellable & (price > 0)]
    if len(sold):
        excluded[1] = price >= np.quantile(sold, FLAGSHIP_QUANTILE)
    return kind, excluded

"""The rule `price_band`: no phone far cheaper or more expensive than those that the user owns or liked."""

import numpy as np
from numpy.typing import NDArray

from handpick.settings.rules import RulesSettings
from handpick.stages.score.item_metadata import ScoringData
from models.dataset import BoolArray, IntArray

BAND_RATIO = 1.1
"""Ratio of the usual prices of neighbouring bands; users of one band share a mask, which keeps masks few."""


def find_exclusions(shop: ScoringData, settings: RulesSettings) -> tuple[IntArray, BoolArray]:
    """Return each user's band as a code (0 for no known price), and `(bands, items)` the phones outside it.

    A phone without a price is inside every band.
    """
    items = len(shop.data.catalogue)
    if settings.price_band is None:
        return np.zeros(len(shop.data.users), np.int64), np.zeros((1, items), bool)
    usual = compute_usual_price(shop)
    # Prices are compared by ratio, so bands have equal width in logarithms.
    steps = np.round(np.log(usual) / np.log(BAND_RATIO))
    known, codes = np.unique(steps[np.isfinite(steps)], return_inverse=True)
    bands = np.zeros(len(usual), np.int64)
    bands[np.isfinite(steps)] = codes + 1
    middle = BAND_RATIO ** known[:, None]
    price = shop.data.catalogue.price[None, :].astype(np.float64)
    with np.errstate(invalid="ignore"):  # NaN prices compare as False, so they are inside
        outside = (price < middle * settings.price_band[0]) | (price > middle * settings.price_band[1])
    return bands, np.vstack([np.zeros((1, items), bool), outside])


def compute_usual_price(shop: ScoringData) -> NDArray[np.float64]:
    """Compute each user's usual price, `(users,)`; NaN if unknown.

    It is the geometric mean price of the phones that the user owns and showed interest in.
    """
    events = shop.data.interactions.positive()
    users = np.concatenate([events.user, np.flatnonzero(shop.data.users.owned_item >= 0)])
    items = np.concatenate([events.item, shop.data.users.owned_item[shop.data.users.owned_item >= 0]])
    price = shop.data.catalogue.price[items].astype(np.float64)
    # Phones without a price (NaN) or given away have no logarithm.
    known = price > 0
    size = len(shop.data.users)
    count = np.bincount(users[known], minlength=size)
    total = np.bincount(users[known], weights=np.log(price[known]), minlength=size)
    return np.where(count > 0, np.exp(total / np.maximum(count, 1)), np.nan)

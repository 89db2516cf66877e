"""Price band: nothing far cheaper or dearer than what a user owns and looks at."""

import numpy as np
from numpy.typing import NDArray

from handpick.settings.rules import RulesSettings
from handpick.stages.score.item_metadata import Shop
from models.data import BoolArray, IntArray

STEP = 1.1
"""Users whose usual prices differ by less than this factor share a band, which keeps the bands few."""


def barred(shop: Shop, settings: RulesSettings) -> tuple[IntArray, BoolArray]:
    """Each user's band as a code (0: no price known), and `(bands, items)` of what is outside it.

    A phone without a price is inside every band.
    """
    items = len(shop.data.catalogue)
    if settings.price_band is None:
        return np.zeros(len(shop.data.users), np.int64), np.zeros((1, items), bool)
    usual = usual_price(shop)
    steps = np.round(np.log(usual) / np.log(STEP))
    known, codes = np.unique(steps[np.isfinite(steps)], return_inverse=True)
    bands = np.zeros(len(usual), np.int64)
    bands[np.isfinite(steps)] = codes + 1
    middle = STEP ** known[:, None]
    price = shop.data.catalogue.price[None, :].astype(np.float64)
    with np.errstate(invalid="ignore"):
        outside = (price < middle * settings.price_band[0]) | (price > middle * settings.price_band[1])
    return bands, np.vstack([np.zeros((1, items), bool), outside])


def usual_price(shop: Shop) -> NDArray[np.float64]:
    """`(users,)`: geometric mean of the prices of what a user owns and showed interest in, NaN where unknown."""
    events = shop.data.interactions.positive()
    users = np.concatenate([events.user, np.flatnonzero(shop.data.users.owned_item >= 0)])
    items = np.concatenate([events.item, shop.data.users.owned_item[shop.data.users.owned_item >= 0]])
    price = shop.data.catalogue.price[items].astype(np.float64)
    known = price > 0
    size = len(shop.data.users)
    count = np.bincount(users[known], minlength=size)
    total = np.bincount(users[known], weights=np.log(price[known]), minlength=size)
    return np.where(count > 0, np.exp(total / np.maximum(count, 1)), np.nan)

"""Campaigns: boosts and pins that hold on some days, in some countries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from handpick.settings.rules import Campaign, RulesSettings
from handpick.stages.score.item_metadata import Shop, is_any
from models.data import BoolArray, FloatArray


@dataclass(frozen=True)
class Pin:
    """A phone's fixed place.

    Args:
        item: Index into the catalogue.
        rank: Place from 1.
        users: `(users,)`: for whom.
        campaign: Its name.
    """

    item: int
    rank: int
    users: BoolArray
    campaign: str


def running(shop: Shop, settings: RulesSettings) -> list[Campaign]:
    """Campaigns of the logical date."""
    return [campaign for campaign in settings.campaigns if campaign.starts_on <= shop.day <= campaign.ends_on]


def boosts(shop: Shop, settings: RulesSettings) -> FloatArray:
    """`(countries, items) float32`: what is added to scores, in standard deviations of a user's scores."""
    names, _ = shop.countries
    added = np.zeros((len(names), len(shop.data.catalogue)), np.float32)
    for campaign in running(shop, settings):
        chosen = is_any(shop.data.catalogue.item_ids, campaign.items) | is_any(
            shop.data.catalogue.brand, campaign.brands
        )
        here = np.isin(names, campaign.countries) if campaign.countries else np.ones(len(names), bool)
        added[np.ix_(here, chosen)] += campaign.boost
    return added


def pins(shop: Shop, settings: RulesSettings) -> list[Pin]:
    """Tonight's pins by place; of a campaign the first named phone that is in the catalogue."""
    found = []
    for campaign in running(shop, settings):
        there = [item for item in campaign.items if item in set(shop.data.catalogue.item_ids.tolist())]
        if campaign.pin_rank is None or not there:
            continue
        item = int(np.searchsorted(shop.data.catalogue.item_ids, there[0]))
        here = is_any(shop.data.users.country, campaign.countries) | (not campaign.countries)
        found.append(Pin(item, campaign.pin_rank, here, campaign.name))
    return sorted(found, key=lambda pin: (pin.rank, pin.item))

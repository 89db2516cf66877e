"""Campaigns: boosts and pins for some days and countries."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from handpick.settings.rules import Campaign, RulesSettings
from handpick.stages.score.item_metadata import ScoringData, match_any
from models.dataset import BoolArray, FloatArray


@dataclass(frozen=True)
class Pin:
    """A phone with a fixed place on lists.

    Args:
        item: Index into the catalogue.
        rank: Place from 1.
        users: `(users,) bool`, the users whose lists have it.
        campaign: Name of the campaign.
    """

    item: int
    rank: int
    users: BoolArray
    campaign: str


def list_running_campaigns(shop: ScoringData, settings: RulesSettings) -> list[Campaign]:
    """List the campaigns that run on the logical date."""
    return [campaign for campaign in settings.campaigns if campaign.starts_on <= shop.day <= campaign.ends_on]


def sum_boosts(shop: ScoringData, settings: RulesSettings) -> FloatArray:
    """Sum the campaigns' boosts: `(countries, items) float32`, in standard deviations of a user's scores."""
    names, _ = shop.countries
    added = np.zeros((len(names), len(shop.data.catalogue)), np.float32)
    for campaign in list_running_campaigns(shop, settings):
        chosen = match_any(shop.data.catalogue.item_ids, campaign.items) | match_any(
            shop.data.catalogue.brand, campaign.brands
        )
        here = np.isin(names, campaign.countries) if campaign.countries else np.ones(len(names), bool)
        added[np.ix_(here, chosen)] += campaign.boost
    return added


def list_pins(shop: ScoringData, settings: RulesSettings) -> list[Pin]:
    """List the night's pins by place; a campaign pins the first of its phones that is in the catalogue."""
    found = []
    for campaign in list_running_campaigns(shop, settings):
        there = [item for item in campaign.items if item in set(shop.data.catalogue.item_ids.tolist())]
        if campaign.pin_rank is None or not there:
            continue
        item = int(np.searchsorted(shop.data.catalogue.item_ids, there[0]))
        here = match_any(shop.data.users.country, campaign.countries) | (not campaign.countries)
        found.append(Pin(item, campaign.pin_rank, here, campaign.name))
    return sorted(found, key=lambda pin: (pin.rank, pin.item))

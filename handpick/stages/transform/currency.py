"""Prices of catalogue rows in the shop's currency, as native expressions."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from handpick.runtime.dataframes import Column, F


def get_stated_currency(currency: str) -> Column:
    """Return the currency of a catalogue row's price; the shop's own where the row does not say."""
    return F.upper(F.trim(F.coalesce(F.col("currency"), F.lit(currency))))


def convert_to_shop_currency(currency: str, rates: Mapping[str, float]) -> Column:
    """Return a catalogue row's price in the shop's currency, to the cent; null if its currency has no rate.

    Args:
        currency: The shop's currency.
        rates: Units of the shop's currency for one unit of another.
    """
    pairs = chain(*((F.lit(name), F.lit(rate)) for name, rate in {**rates, currency: 1.0}.items()))
    rate = F.try_element_at(F.create_map(*pairs), get_stated_currency(currency))
    return F.when(F.col("price") > 0, F.round(F.col("price") * rate, 2))

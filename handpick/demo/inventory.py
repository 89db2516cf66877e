"""Simulates prices and stock: launches, price cuts, stock-outs and retirements, with a log of all changes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from handpick.dataset.oracle.truth_files import TruthChanges, compute_prices_and_stock
from handpick.demo.array_types import Bools, Doubles, Ints
from handpick.demo.parameters import Plan
from handpick.demo.phones import Phones

PRICE_CHANGE = 0.02
STOCK_OUT = 0.006
RETIREMENT = 0.003
RETIRES_AFTER_DAYS = 400
RETIRED = 1_000_000
"""Day of return of phones that never come back."""


@dataclass
class Inventory:
    """Prices and stock of all phones at the end of a day, and the log of all changes so far.

    Args:
        euros: `(phones,)` current price in EUR.
        back_day: `(phones,)` first day on which it is in stock again; 0 when it is, `RETIRED` when never.
        log_item: `(changes,)` row of the phone, in order of time, launches included.
        log_day: `(changes,)` day of the change.
        log_euros: `(changes,)` price in EUR after the change.
        log_stock: `(changes,)` whether the phone is in stock after the change.
    """

    euros: Doubles
    back_day: Ints
    log_item: Ints
    log_day: Ints
    log_euros: Doubles
    log_stock: Bools

    @classmethod
    def empty(cls) -> Inventory:
        """Return the inventory before the first day."""
        none = np.zeros(0, np.int64)
        return cls(np.zeros(0), none, none, none, np.zeros(0), np.zeros(0, np.bool_))

    def in_stock(self, day: int) -> Bools:
        """Return `(phones,)` whether each can be bought on the current day."""
        return self.back_day <= day

    def as_of(self, day: int, phones: int) -> tuple[Doubles, Bools]:
        """Return the prices in EUR and the stock of the first `phones` phones at the end of an earlier day.

        A phone that was not launched yet has no stock; its price is that of its launch.
        """
        changes = TruthChanges(self.log_item, self.log_day, self.log_euros, self.log_stock)
        return compute_prices_and_stock(changes, day, phones)


def advance_inventory(
    inventory: Inventory, plan: Plan, phones: Phones, day: int, gone: Bools | None = None
) -> Ints:
    """Advance the inventory from the day before to a day.

    Args:
        inventory: The inventory, changed in place.
        plan: The plan, for its random streams.
        phones: All phones, also those launched on the day.
        day: The day, counted from 0.
        gone: `(new phones,)` whether each is permanently out of stock from its launch; None for none.

    Returns:
        `(changed,)` rows of the phones that are new or changed.
    """
    random = plan.stream("shelf", day)
    old = len(inventory.euros)
    moves = random.random(old)
    # Prices only fall, and never below EUR 25.
    cuts = random.uniform(0.86, 0.97, old)
    was_in = inventory.back_day <= day - 1
    changed_price = (moves < PRICE_CHANGE) & was_in
    inventory.euros = np.where(changed_price, np.maximum(inventory.euros * cuts, 25.0), inventory.euros)
    fate, absence = random.random(old), random.integers(2, 8, old)
    # One uniform number decides both: the lowest values retire a phone, the highest empty its stock.
    retired = was_in & (fate < RETIREMENT) & (day - phones.launch_day[:old] > RETIRES_AFTER_DAYS)
    runs_out = was_in & ~retired & (fate > 1 - STOCK_OUT)
    inventory.back_day = np.where(retired, RETIRED, np.where(runs_out, day + absence, inventory.back_day))
    is_in = inventory.back_day <= day
    fresh = np.exp(phones.log_price[old:])
    inventory.euros = np.concatenate([inventory.euros, fresh])
    back_day = np.zeros(len(fresh), np.int64) if gone is None else np.where(gone, RETIRED, 0)
    inventory.back_day = np.concatenate([inventory.back_day, back_day])
    rows = np.concatenate([np.flatnonzero(changed_price | (is_in != was_in)), np.arange(old, len(phones))])
    inventory.log_item = np.concatenate([inventory.log_item, rows])
    inventory.log_day = np.concatenate([inventory.log_day, np.full(len(rows), day)])
    inventory.log_euros = np.concatenate([inventory.log_euros, inventory.euros[rows]])
    inventory.log_stock = np.concatenate([inventory.log_stock, inventory.in_stock(day)[rows]])
    return rows

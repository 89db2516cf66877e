"""The merchandiser's rules, one file each: masks over phones, over phones by kind of user, and over pairs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from handpick.score.rules import (
    brand_exclusions,
    consent,
    country,
    generation,
    in_stock,
    not_owned,
    not_returned,
    price_band,
)
from handpick.score.shop import Shop, pairs
from handpick.settings.rules import RulesSettings
from models.data import BoolArray, IntArray

ITEM_RULES: dict[str, Callable[[Shop, RulesSettings], BoolArray]] = {
    "in_stock": in_stock.barred,
    "brand_exclusions": brand_exclusions.barred,
}
"""`(items,)`: barred for everybody."""

KIND_RULES: dict[str, Callable[[Shop, RulesSettings], tuple[IntArray, BoolArray]]] = {
    "country": country.barred,
    "consent": consent.barred,
    "price_band": price_band.barred,
}
"""Each user's kind `(users,)`, and `(kinds, items)` of what is barred for it."""

PAIR_RULES: dict[str, Callable[[Shop, RulesSettings], sparse.csr_matrix]] = {
    "not_owned": not_owned.barred,
    "not_returned": not_returned.barred,
    "generation": generation.barred,
}
"""`(users, items)`: barred for one user."""


@dataclass(frozen=True)
class Rules:
    """The night's rules, worked out once.

    Args:
        items, kinds, pairs: What each rule bars, by its name.
    """

    items: dict[str, BoolArray]
    kinds: dict[str, tuple[IntArray, BoolArray]]
    pairs: dict[str, sparse.csr_matrix]
    nothing: sparse.csr_matrix

    def counts(self) -> dict[str, int]:
        """How many pairs of a user and a phone each rule bars."""
        users = self.nothing.shape[0]
        found = {name: int(mask.sum()) * users for name, mask in self.items.items()}
        for name, (codes, mask) in self.kinds.items():
            found[name] = int((np.bincount(codes, minlength=len(mask)) * mask.sum(axis=1)).sum())
        found.update({name: int(matrix.nnz) for name, matrix in self.pairs.items()})
        return found

    def by_kind(self, relaxed: Collection[str] = ()) -> tuple[IntArray, BoolArray]:
        """Each user's kind `(users,)` under all rules together, and `(kinds, items)` of what is allowed."""
        users, items = self.nothing.shape
        everybody = np.zeros(items, bool)
        for name, mask in self.items.items():
            if name not in relaxed:
                everybody |= mask
        kept = [kind for name, kind in self.kinds.items() if name not in relaxed]
        codes, kind_of = (
            np.unique(np.stack([codes for codes, _ in kept], axis=1), axis=0, return_inverse=True)
            if kept
            else (np.zeros((1, 0), np.int64), np.zeros(users, np.int64))
        )
        allowed = np.repeat(~everybody[None, :], len(codes), axis=0)
        for place, (_, mask) in enumerate(kept):
            allowed &= ~mask[codes[:, place]]
        return kind_of.astype(np.int64).ravel(), allowed

    def by_pair(self, relaxed: Collection[str] = ()) -> sparse.csr_matrix:
        """`(users, items)` of what is barred for one user."""
        total = self.nothing
        for name, matrix in self.pairs.items():
            if name not in relaxed:
                total = total + matrix
        return total.tocsr()


def work_out(shop: Shop, settings: RulesSettings) -> Rules:
    """All rules on tonight's shop."""
    none = shop.data.users.owned_item[:0]
    return Rules(
        {name: rule(shop, settings) for name, rule in ITEM_RULES.items()},
        {name: rule(shop, settings) for name, rule in KIND_RULES.items()},
        {name: rule(shop, settings) for name, rule in PAIR_RULES.items()},
        pairs(shop, none, none),
    )

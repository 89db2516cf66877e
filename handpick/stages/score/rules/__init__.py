"""The merchandiser's rules, one file each: masks over phones, phones by kind of user, and pairs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from handpick.settings.rules import RulesSettings
from handpick.stages.score.item_metadata import ScoringData, build_pair_matrix
from handpick.stages.score.rules import (
    brand_exclusions,
    consent,
    country,
    generation,
    in_stock,
    not_owned,
    not_returned,
    price_band,
    simple_phone,
)
from models.dataset import BoolArray, IntArray

ITEM_RULES: dict[str, Callable[[ScoringData, RulesSettings], BoolArray]] = {
    "in_stock": in_stock.find_exclusions,
    "brand_exclusions": brand_exclusions.find_exclusions,
}
"""Rules that return `(items,)`: phones that are excluded for all users."""

KIND_RULES: dict[str, Callable[[ScoringData, RulesSettings], tuple[IntArray, BoolArray]]] = {
    "country": country.find_exclusions,
    "consent": consent.find_exclusions,
    "price_band": price_band.find_exclusions,
    "simple_phone": simple_phone.find_exclusions,
}
"""Rules that return each user's kind `(users,)`, and `(kinds, items)` phones that are excluded for a kind.

Users of one kind (country, price band, consent) share a mask, so that memory grows with the kinds and not the
users."""

PAIR_RULES: dict[str, Callable[[ScoringData, RulesSettings], sparse.csr_matrix]] = {
    "not_owned": not_owned.find_exclusions,
    "not_returned": not_returned.find_exclusions,
    "generation": generation.find_exclusions,
}
"""Rules that return `(users, items)`: phones that are excluded for single users."""


@dataclass(frozen=True)
class Rules:
    """The night's rules, evaluated on the dataset once.

    Args:
        items: `(items,)` exclusions of each rule for all users, by its name.
        kinds: `(users,)` kinds and `(kinds, items)` exclusions of each rule by kind of user.
        pairs: `(users, items)` exclusions of each rule for single users.
        nothing: `(users, items)` without entries.
    """

    items: dict[str, BoolArray]
    kinds: dict[str, tuple[IntArray, BoolArray]]
    pairs: dict[str, sparse.csr_matrix]
    nothing: sparse.csr_matrix
    _kept: dict[tuple[str, ...], tuple[IntArray, BoolArray, sparse.csr_matrix]] = field(
        default_factory=dict, repr=False, compare=False
    )

    def count_excluded(self) -> dict[str, int]:
        """Count the pairs of a user and a phone that each rule excludes; a pair counts for the first one.

        Rules by item and by kind are counted on the mask of each kind, times its users: no matrix of users
        and items.
        """
        items = self.nothing.shape[1]
        kind_of, codes = self._enumerate_kinds(())
        sizes = np.bincount(kind_of, minlength=len(codes))
        before = np.zeros((len(codes), items), bool)
        found = {}
        # `before` collects what earlier rules exclude, for each kind of user.
        masks = [(name, np.broadcast_to(mask, before.shape)) for name, mask in self.items.items()]
        masks += [(name, mask[codes[:, at]]) for at, (name, (_, mask)) in enumerate(self.kinds.items())]
        for name, mask in masks:
            found[name] = int(sizes @ (mask & ~before).sum(axis=1))
            before |= mask
        counted = np.zeros(0, np.int64)
        for name, matrix in self.pairs.items():
            entries = matrix.tocoo()
            # Pairs that no mask excludes, and further down, that no earlier rule by pair excludes.
            new = ~before[kind_of[entries.row], entries.col]
            keys = entries.row[new].astype(np.int64) * items + entries.col[new]
            found[name] = int((~np.isin(keys, counted)).sum())
            counted = np.union1d(counted, keys)
        return found

    def find_allowed_by_kind(self, relaxed: Collection[str] = ()) -> tuple[IntArray, BoolArray]:
        """Return each user's kind `(users,)` under all rules, and `(kinds, items)` the allowed phones."""
        return self._combine_rules(relaxed)[:2]

    def find_excluded_pairs(self, relaxed: Collection[str] = ()) -> sparse.csr_matrix:
        """Return `(users, items)` with an entry for each phone that is excluded for a single user."""
        return self._combine_rules(relaxed)[2]

    def _combine_rules(self, relaxed: Collection[str]) -> tuple[IntArray, BoolArray, sparse.csr_matrix]:
        """Combine all rules but the relaxed ones; the result is cached for the next block of users.

        Returns:
            `(users,)` kind, `(kinds, items)` allowed phones, and `(users, items)` exclusions of single users.
        """
        key = tuple(sorted(relaxed))
        if key not in self._kept:
            for_all = np.zeros(self.nothing.shape[1], bool)
            for name, mask in self.items.items():
                if name not in relaxed:
                    for_all |= mask
            kind_of, codes = self._enumerate_kinds(relaxed)
            allowed = np.repeat(~for_all[None, :], len(codes), axis=0)
            kept = [mask for name, (_, mask) in self.kinds.items() if name not in relaxed]
            for place, mask in enumerate(kept):
                allowed &= ~mask[codes[:, place]]
            pairs = self.nothing
            for name, matrix in self.pairs.items():
                if name not in relaxed:
                    pairs = pairs + matrix
            self._kept[key] = kind_of, allowed, pairs.tocsr().sorted_indices()
        return self._kept[key]

    def _enumerate_kinds(self, relaxed: Collection[str]) -> tuple[IntArray, IntArray]:
        """Enumerate the kinds of users.

        Returns `(users,)` kind, and `(kinds, rules)` its code in each rule that is not relaxed.
        """
        kept = [codes for name, (codes, _) in self.kinds.items() if name not in relaxed]
        if not kept:
            return np.zeros(self.nothing.shape[0], np.int64), np.zeros((1, 0), np.int64)
        codes, kind_of = np.unique(np.stack(kept, axis=1), axis=0, return_inverse=True)
        return kind_of.astype(np.int64).ravel(), codes


def evaluate_rules(shop: ScoringData, settings: RulesSettings) -> Rules:
    """Evaluate all rules on the night's dataset."""
    none = shop.data.users.owned_item[:0]
    return Rules(
        {name: rule(shop, settings) for name, rule in ITEM_RULES.items()},
        {name: rule(shop, settings) for name, rule in KIND_RULES.items()},
        {name: rule(shop, settings) for name, rule in PAIR_RULES.items()},
        build_pair_matrix(shop, none, none),
    )

"""The names of a listed phone's other variants: what tells colours and memory sizes of a model apart."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from itertools import takewhile

import numpy as np

from handpick.stages.score.item_metadata import ScoringData
from models.dataset import BoolArray, IntArray

SEPARATOR = " | "
MAX_NAMED = 8
"""Variants that a row names; more are counted."""
MAX_LENGTH = 60
"""Characters of one variant's name."""
UNITS = frozenset(("GB", "TB", "GO", "TO", "ГБ", "ТБ"))
_EDGES = " ,;:|/-–—()[]{}（）【】，、"


class VariantNamer:
    """Names the other variants of phones, those that can be bought in a country.

    Args:
        shop: The night's dataset and metadata.
        allowed: `(countries, items)`, phones that may be shown in each country; in the order of
            `shop.countries`.
    """

    def __init__(self, shop: ScoringData, allowed: BoolArray) -> None:
        self._shop, self._allowed = shop, allowed
        self._for_all = np.asarray(allowed.all(axis=0))
        self._labels: dict[int, dict[int, str]] = {}
        self._told: dict[tuple[int | None, int], str | None] = {}

    def name_others(self, item: int, country: int | None) -> str | None:
        """Return the names of a phone's other variants, smallest memory first; None where there are none.

        Args:
            item: Index of the phone.
            country: Index into `shop.countries`; None for what may be shown in all of them.
        """
        key = (country, item)
        if key not in self._told:
            allowed = self._for_all if country is None else self._allowed[country]
            self._told[key] = self._describe_others(item, allowed)
        return self._told[key]

    def _describe_others(self, item: int, allowed: BoolArray) -> str | None:
        """Join the names of the allowed other variants, each name once."""
        model = int(self._shop.model[item])
        group = self._groups.get(model)
        if group is None:
            return None
        if model not in self._labels:
            self._labels[model] = self._label_group(group)
        labels = self._labels[model]
        storage = self._shop.numeric_specs["storage_gb"]
        others = [other for other in group.tolist() if other != item and allowed[other]]
        # Unknown memory last, then by name.
        others.sort(key=lambda other: (np.nan_to_num(storage[other], nan=np.inf), labels[other]))
        names = [name for name in dict.fromkeys(labels[other] for other in others) if name != labels[item]]
        if len(names) > MAX_NAMED:
            names = [*names[:MAX_NAMED], f"+{len(names) - MAX_NAMED}"]
        return SEPARATOR.join(names) or None

    def _label_group(self, group: IntArray) -> dict[int, str]:
        """Return the name of each variant of a model, by its index."""
        members = group.tolist()
        titles = [str(self._shop.title[member]) for member in members]
        facts = [self._describe_facts(member) for member in members]
        return dict(zip(members, name_variants(titles, facts), strict=True))

    def _describe_facts(self, item: int) -> str:
        """Return a phone's memory, as far as it is known, such as `8 GB RAM, 128 GB`."""
        specs = self._shop.numeric_specs
        told = ((specs["ram_gb"][item], " GB RAM"), (specs["storage_gb"][item], " GB"))
        return ", ".join(f"{value:g}{unit}" for value, unit in told if np.isfinite(value))

    @cached_property
    def _groups(self) -> dict[int, IntArray]:
        """The phones of each model that has several, by its code."""
        order = np.argsort(self._shop.model, kind="stable")
        codes = self._shop.model[order]
        cuts = np.flatnonzero(np.diff(codes)) + 1
        return {
            int(self._shop.model[part[0]]): part.astype(np.int64)
            for part in np.split(order, cuts)
            if len(part) > 1
        }


def name_variants(titles: Sequence[str], facts: Sequence[str]) -> list[str]:
    """Name each variant of a model by the words of its title that the others do not share.

    Args:
        titles: The variants' titles, two or more.
        facts: What the sheets say of each one; the name of a variant whose title says nothing of its own.

    Returns:
        A name for each, at most `MAX_LENGTH` characters; equal names where nothing tells variants apart.
    """
    words = [title.split() for title in titles]
    start = _count_shared(words)
    rest = [one[start:] for one in words]
    end = _count_shared([one[::-1] for one in rest])
    if end and rest[0][-end].strip(_EDGES).upper() in UNITS:
        end -= 1  # the unit of a number that differs
    own = [" ".join(one[: len(one) - end]).strip(_EDGES) for one in rest]
    named = (name or fact or title for name, fact, title in zip(own, facts, titles, strict=True))
    return [_shorten(name) for name in named]


def _count_shared(words: Sequence[Sequence[str]]) -> int:
    """Count the first words that all titles share, without regard to case."""
    columns = zip(*words, strict=False)
    return sum(1 for _ in takewhile(lambda column: len({word.lower() for word in column}) == 1, columns))


def _shorten(name: str) -> str:
    """Cut a long name at a blank."""
    return name if len(name) <= MAX_LENGTH else name[: MAX_LENGTH - 1].rsplit(" ", 1)[0] + "…"

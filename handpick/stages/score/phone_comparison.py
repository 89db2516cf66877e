"""Phones in words, from known facts: what answers a query, what two phones share, where one is better."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from handpick.stages.score.explanation_templates import (
    ADVANTAGE_TEMPLATES,
    COMMA,
    COMMON_TEMPLATES,
    FACT_TEMPLATES,
    TAG_NAMES,
    format_number,
)
from handpick.stages.score.item_metadata import COMPARED_CATEGORIES, ScoringData
from handpick.stages.score.query_topics import find_price_limit, find_topics
from models.dataset import BoolArray, FloatArray

SMALLER_IS_BETTER = ("price", "weight_g", "thickness_mm")
"""Facts of which the smaller value is the advantage."""
NOTICEABLE = {
    "price": 0.12,
    "weight_g": 0.08,
    "thickness_mm": 0.08,
    "main_camera_mp": 0.5,
    "battery_mah": 0.1,
    "storage_gb": 0.5,
    "ram_gb": 0.3,
    "charging_w": 0.35,
    "refresh_hz": 0.3,
    "display_inches": 0.08,
}
"""Smallest relative difference that people notice; greater ones are compared in multiples of it."""
MAX_NOTICED = 4.0
"""Multiple of the noticeable difference beyond which a difference does not weigh more."""
SIMILAR_PRICE = 0.15
"""Largest relative difference of two prices of one class."""
TOPIC_FACTS: dict[str, tuple[str, ...]] = {
    "night": ("pixel_um", "ois", "main_camera_mp"),
    "camera": ("main_camera_mp", "ois"),
    "selfie": ("selfie_camera_mp",),
    "battery": ("battery_mah",),
    "charging": ("charging_w",),
    "large": ("display_inches",),
    "compact": ("-display_inches",),
    "light": ("-weight_g",),
    "speed": ("ram_gb", "refresh_hz"),
    "storage": ("storage_gb",),
    "cheap": ("-price",),
    "tough": ("sealing",),
    "music": ("jack",),
    "5g": ("5g",),
    "dual-sim": ("dual-sim",),
}
"""Facts that answer a topic of a query; with `-` the smaller value does."""
MAX_ANSWERS = 2
"""Facts that are named for one query."""
STRENGTHS = ("main_camera_mp", "battery_mah", "storage_gb", "ram_gb", "charging_w", "refresh_hz")
"""Facts of which a phone may have more than others at its price."""
PEER_PRICE, MIN_PEERS, MIN_STRENGTH = 0.2, 10, 0.7
"""Peers' relative difference in price, their smallest number, and the share that a strength exceeds."""


class PhoneComparer:
    """Describes phones and pairs of phones of one night.

    Args:
        shop: The night's dataset and metadata.
        unit: Currency of the prices.
    """

    def __init__(self, shop: ScoringData, unit: str) -> None:
        self.shop, self.unit = shop, unit
        self._strengths: dict[int, tuple[str, int]] = {}

    def describe_answers(self, item: int, text: str, language: str) -> str:
        """Name the phone's facts that answer a query's text ("108 MP camera, OIS"); empty where none does.

        A number answers only if it is at least the median of the phones on sale ("a good camera" is not
        answered with "5 MP"), a price only if it is at most the median or within the stated limit.
        """
        words = FACT_TEMPLATES[language]
        found: list[str] = []
        limit, price = find_price_limit(text), float(self.shop.data.catalogue.price[item])
        if limit is not None and 0 < price <= limit:
            found.append(self._format_fact("price", price, language))
        for topic in find_topics(text):
            for name in TOPIC_FACTS[topic]:
                phrase = self._describe_answer(item, name, language, words)
                if phrase and phrase not in found:
                    found.append(phrase)
        return COMMA[language].join(found[:MAX_ANSWERS])

    def _describe_answer(self, item: int, name: str, language: str, words: dict[str, str]) -> str:
        """Describe one fact if the phone has it and it is good enough to answer a question about it."""
        sheet = self.shop.sheets[item] if self.shop.sheets else None
        if name in ("5g", "dual-sim"):
            return words[name] if name in self.shop.tags[item] else ""
        if name in ("pixel_um", "ois", "sealing", "jack"):
            if sheet is None:
                return ""
            value = {
                "pixel_um": format_number(sheet.pixel_um, language, 2) if sheet.pixel_um else "",
                "ois": "1" if sheet.has_ois else "",
                "sealing": sheet.sealing,
                "jack": "1" if sheet.has_jack else "",
            }[name]
            return words[name].format(value=value) if value else ""
        fact = name.removeprefix("-")
        value_here, median = self._number(fact, item), self._medians.get(fact, np.nan)
        is_good = value_here <= median if name.startswith("-") else value_here >= median
        return self._format_fact(fact, value_here, language) if is_good and value_here > 0 else ""

    def describe_strength(self, item: int, language: str, sentence: str) -> str:
        """Name the fact of which the phone has more than most phones at its price; empty where none is."""
        name, tenths = self._find_strength(item)
        if not name:
            return ""
        return sentence.format(
            fact=self._format_fact(name, self._number(name, item), language), tenths=tenths
        )

    def describe_advantage(self, item: int, other: int, language: str) -> str:
        """Describe the most noticeable advantage of `item` over `other`, or nothing.

        Differences are in the words of people: "108 MP camera instead of 48", "80 g lighter".
        """
        best, text = 1.0, ""
        for name, template in ADVANTAGE_TEMPLATES[language].items():
            mine, theirs = self._number(name, item), self._number(name, other)
            if not (mine > 0 and theirs > 0):
                continue
            digits = 0 if name in ("price", "weight_g", "battery_mah") else 1
            gain = (theirs - mine if name in SMALLER_IS_BETTER else mine - theirs) / theirs
            noticed = min(gain / NOTICEABLE[name], MAX_NOTICED)
            shown = [format_number(value, language, digits) for value in (mine, theirs, abs(mine - theirs))]
            # Numbers that read alike, or a difference that reads as nothing, are no advantage in words.
            if noticed > best and shown[0] != shown[1] and shown[2] != "0":
                best = noticed
                text = template.format(mine=shown[0], theirs=shown[1], less=shown[2], unit=self.unit)
        return text

    def describe_what_matters(self, item: int, other: int, language: str) -> list[str]:
        """Name what two phones share of what matters: price class, uses and brand, in this order.

        Of several uses those that fewer phones have come first.
        """
        same, tags = COMMON_TEMPLATES[language], self.shop.tags[item] & self.shop.tags[other]
        found = []
        if self.is_priced_alike(item, other):
            found.append(same["price"])
        uses = TAG_NAMES[language]
        found += [same["use"].format(value=uses[tag]) for tag in self._sort_by_rarity(tags) if tag in uses]
        brand = self.shop.data.catalogue.brand
        if brand[item] and brand[item] == brand[other]:
            found.append(same["brand"])
        return found

    def _describe_detail(self, item: int, other: int, language: str) -> str:
        """Name a part, else a tag such as a colour, that two phones share; empty for none."""
        same = COMMON_TEMPLATES[language]["also"]
        for name in COMPARED_CATEGORIES:
            value = str(self.shop.categorical_specs[name][item])
            if value and value == self.shop.categorical_specs[name][other]:
                return same.format(value=value)
        tags = sorted(self.shop.tags[item] & self.shop.tags[other])
        return same.format(value=tags[0]) if tags else ""

    def describe_similarity(self, item: int, other: int, language: str) -> str:
        """Describe what two phones share and where `item` is better ("similar price, also compact, ...").

        They are compared only where they share something that matters; a part or a colour is named only where
        nothing else is shared.
        """
        shared = self.describe_what_matters(item, other, language)
        if not shared:
            return self._describe_detail(item, other, language)
        parts = [*shared[:2], self.describe_advantage(item, other, language)]
        return COMMA[language].join(part for part in parts if part)

    def is_priced_alike(self, item: int, other: int) -> bool:
        """Return whether two phones are of one price class."""
        mine, theirs = self._number("price", item), self._number("price", other)
        return bool(mine > 0 and theirs > 0 and abs(mine - theirs) <= SIMILAR_PRICE * max(mine, theirs))

    def list_uses(self, item: int) -> list[str]:
        """List the tags that say what a phone is good for, rare ones first."""
        return [tag for tag in self._sort_by_rarity(self.shop.tags[item]) if tag in TAG_NAMES["en"]]

    def _sort_by_rarity(self, tags: frozenset[str]) -> list[str]:
        """Sort tags by the number of phones that have them."""
        return sorted(tags, key=lambda tag: (self._tag_counts.get(tag, 0), tag))

    def _find_strength(self, item: int) -> tuple[str, int]:
        """Find the fact with which a phone exceeds most at its price, and how many of ten; empty for none."""
        if item not in self._strengths:
            self._strengths[item] = self._compute_strength(item)
        return self._strengths[item]

    def _compute_strength(self, item: int) -> tuple[str, int]:
        price = self.shop.data.catalogue.price
        with np.errstate(invalid="ignore"):  # a price that is not known is nobody's peer
            peers = self.shop.data.catalogue.is_sellable & (
                np.abs(price - price[item]) <= PEER_PRICE * price[item]
            )
        peers[item] = False
        best, name = MIN_STRENGTH, ""
        for candidate in STRENGTHS:
            values, mine = self._numbers(candidate)[peers], self._number(candidate, item)
            known = values[values > 0]
            if len(known) < MIN_PEERS or not mine > 0:
                continue
            share = float((known < mine).mean())
            if share > best:
                best, name = share, candidate
        return name, min(int(best * 10 + 1e-9), 9)

    def _format_fact(self, name: str, value: float, language: str) -> str:
        """Format a number with what it is."""
        digits = 0 if name in ("price", "weight_g", "battery_mah") else 1
        return FACT_TEMPLATES[language][name].format(
            value=format_number(value, language, digits), unit=self.unit
        )

    def _numbers(self, name: str) -> FloatArray:
        """Return `(items,)` values of a fact, NaN where unknown."""
        if name == "price":
            return self.shop.data.catalogue.price
        values = self.shop.numeric_specs.get(name)
        return np.full(len(self.shop.data.catalogue), np.nan) if values is None else values  # type: ignore[return-value]

    def _number(self, name: str, item: int) -> float:
        """Return one phone's value of a fact, NaN where unknown."""
        return float(self._numbers(name)[item])

    @cached_property
    def _medians(self) -> dict[str, float]:
        """The median of each fact over the phones on sale."""
        sold: BoolArray = self.shop.data.catalogue.is_sellable
        facts = {name.removeprefix("-") for names in TOPIC_FACTS.values() for name in names}
        found = {}
        for name in sorted(facts & {*self.shop.numeric_specs, "price"}):
            values = self._numbers(name)[sold]
            known = values[values > 0]
            if len(known):
                found[name] = float(np.median(known))
        return found

    @cached_property
    def _tag_counts(self) -> dict[str, int]:
        """The number of phones that have each tag."""
        counts: dict[str, int] = {}
        for tags in self.shop.tags:
            for tag in tags:
                counts[tag] = counts.get(tag, 0) + 1
        return counts

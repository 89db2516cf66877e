"""Comparisons of two phones in words, from known facts only."""

from __future__ import annotations

from handpick.stages.score.explanation_templates import ADVANTAGE_TEMPLATES, COMMA, COMMON_TEMPLATES
from handpick.stages.score.item_metadata import COMPARED_CATEGORIES, ScoringData

SMALLER_IS_BETTER = ("price", "weight_g", "thickness_mm")
"""Facts of which the smaller value is the advantage."""
MIN_RELATIVE_DIFFERENCE = 0.08
"""Smallest relative difference that is mentioned."""


def describe_advantage(shop: ScoringData, item: int, other: int, language: str, unit: str) -> str:
    """Describe the greatest relative advantage of `item` over `other` ("80 g lighter"), or nothing."""
    best, text = MIN_RELATIVE_DIFFERENCE, ""
    for name, template in ADVANTAGE_TEMPLATES[language].items():
        values = shop.data.catalogue.price if name == "price" else shop.numeric_specs.get(name)
        if values is None:
            continue
        mine, theirs = float(values[item]), float(values[other])
        if not (mine > 0 and theirs > 0):
            continue
        gain = (theirs - mine if name in SMALLER_IS_BETTER else mine - theirs) / theirs
        phrase = template.format(amount=abs(mine - theirs), unit=unit)
        # A large relative difference of small numbers can still round to "0 g lighter".
        if gain > best and not phrase.startswith(("0 ", "0.0 ")):
            best, text = gain, phrase
    return text


def describe_common(shop: ScoringData, item: int, other: int, language: str) -> str:
    """Name one thing that both phones have: a tag, the brand or a part; empty if none is known."""
    same = COMMON_TEMPLATES[language]
    tags = sorted(shop.tags[item] & shop.tags[other])
    if tags:
        return same["tag"].format(value=tags[0])
    brand = shop.data.catalogue.brand
    if brand[item] and brand[item] == brand[other]:
        return same["brand"]
    for name in COMPARED_CATEGORIES:
        value = str(shop.categorical_specs[name][item])
        if value and value == shop.categorical_specs[name][other]:
            return same["word"].format(value=value)
    return ""


def describe_comparison(shop: ScoringData, item: int, other: int, language: str, unit: str) -> str:
    """Describe what is shared and the greatest advantage: "same brand, 80 g lighter", or nothing."""
    parts = [
        describe_common(shop, item, other, language),
        describe_advantage(shop, item, other, language, unit),
    ]
    return COMMA[language].join(part for part in parts if part)

"""What two phones have in common and where they differ, in words; every number is looked up, none is guessed."""

from __future__ import annotations

from handpick.stages.score.item_metadata import WORDS, Shop
from handpick.stages.score.templates import COMMA, DIFFERENCES, SAME

SMALLER_IS_BETTER = ("price", "weight_g", "thickness_mm")
WORTH_SAYING = 0.08
"""Least relative difference that is named."""


def difference(shop: Shop, item: int, other: int, language: str, unit: str) -> str:
    """The greatest advantage of `item` over `other` ("80 g lighter"), or empty where there is none."""
    best, text = WORTH_SAYING, ""
    for name, template in DIFFERENCES[language].items():
        values = shop.data.catalogue.price if name == "price" else shop.numbers.get(name)
        if values is None:
            continue
        mine, theirs = float(values[item]), float(values[other])
        if not (mine > 0 and theirs > 0):
            continue
        gain = (theirs - mine if name in SMALLER_IS_BETTER else mine - theirs) / theirs
        said = template.format(amount=abs(mine - theirs), unit=unit)
        if gain > best and not said.startswith(("0 ", "0.0 ")):
            best, text = gain, said
    return text


def in_common(shop: Shop, item: int, other: int, language: str) -> str:
    """One thing that both have: a tag, the brand, a named part; empty where nothing is known to be shared."""
    same = SAME[language]
    tags = sorted(shop.tags[item] & shop.tags[other])
    if tags:
        return same["tag"].format(value=tags[0])
    brand = shop.data.catalogue.brand
    if brand[item] and brand[item] == brand[other]:
        return same["brand"]
    for name in WORDS:
        value = str(shop.words[name][item])
        if value and value == shop.words[name][other]:
            return same["word"].format(value=value)
    return ""


def compared(shop: Shop, item: int, other: int, language: str, unit: str) -> str:
    """What is shared and the greatest advantage, such as "same brand, 80 g lighter"; empty where neither is known."""
    parts = [in_common(shop, item, other, language), difference(shop, item, other, language, unit)]
    return COMMA[language].join(part for part in parts if part)

"""What the keys of spec sheets are about: topics by synonyms, units by the words that a key ends with."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from handpick.stages.transform.specs.synonyms import (
    EXCLUDING_WORDS,
    TEXT_PHRASES,
    TOPIC_PHRASES,
    UNIT_WORDS,
    UNQUANTIFIED_WORDS,
)

MIN_COMPOUND_LETTERS = 5
"""Letters from which a phrase is also found inside a word, as `akku` is not and `kapazität` is."""
UNDECOMPOSED_LETTERS = {"ł": "l", "ı": "i", "ø": "o", "ё": "е", "\u0307": ""}
"""Letters that Unicode does not take apart into a plain letter and an accent; of `İ`, the dot."""
NOISE_WORDS = frozenset(
    ("mobile", "phone", "product", "device", "smartphone", "item", "the", "de", "del", "la", "du", "der",
     "des", "spec", "specs")
)  # fmt: skip
"""Words that a key may have besides its topic."""


class Topic(NamedTuple):
    """One thing that a key is about.

    Args:
        name: A key of `synonyms.TOPIC_PHRASES`.
        rank: Place among the topic's keys: the smaller, the earlier its text is tried.
        has_amount: Whether a bare number under the key is an amount of it.
    """

    name: str
    rank: int
    has_amount: bool


class Key(NamedTuple):
    """What a key says.

    Args:
        topics: What it is about, by name.
        unit: The unit that it states, as the parsers write it; empty for none.
        is_text: Whether it holds running text.
    """

    topics: dict[str, Topic]
    unit: str
    is_text: bool


@lru_cache(maxsize=8192)
def normalize_key(key: str) -> str:
    """Return a key in lower case, without accents, its words separated by single blanks.

    `batteryCapacity`, `Battery_Capacity` and `battery-capacity` become equal.
    """
    text = unicodedata.normalize("NFKC", key)
    text = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])|(?<=[a-z]{2})(?=[A-Z]{2})", " ", text).casefold()
    return " ".join("".join(map(_simplify, unicodedata.normalize("NFC", text))).split())


def _simplify(char: str) -> str:
    """Return a letter without its accent, and a blank for all that is neither letter, mark nor digit."""
    if char in UNDECOMPOSED_LETTERS:
        return UNDECOMPOSED_LETTERS[char]
    base = unicodedata.normalize("NFD", char)[0]
    if base.isascii() and base.isalnum():
        return base
    # Marks of Hindi are vowels, and й is a letter of its own.
    return char if unicodedata.category(char)[0] in "LMN" else " "


@lru_cache(maxsize=8192)
def read_key(key: str) -> Key:
    """Return what a key is about, and the unit that it states."""
    outside = re.sub(r"[(\[（【].*?[)\]）】]", " ", key)
    name = normalize_key(outside)
    unit = ""
    for bracketed in re.findall(r"[(\[（【](.*?)[)\]）】]", key):
        unit = unit or _find_unit(normalize_key(bracketed).removeprefix("in "))
    words = name.split()
    for count in (2, 1):
        if not unit and len(words) > count and (unit := _find_unit(" ".join(words[-count:]))):
            words = words[:-count]
            words = words[:-1] if words[-1] == "in" and len(words) > 1 else words
    name = " ".join(words)
    topics = {
        topic: found for topic in TOPIC_PHRASES if (found := _match_topic(topic, name, unit)) is not None
    }
    return Key(topics, unit, name in TEXT_PHRASES)


def _find_unit(text: str) -> str:
    """Return the unit that a text is; `m ah` is what normalizing leaves of `mAh`."""
    return UNIT_WORDS.get(text.replace(" ", ""), "")


def _match_topic(topic: str, name: str, unit: str) -> Topic | None:
    """Return how a normalized key is about a topic; None if it is not."""
    words = name.split()
    if any(_contains(name, words, word) for word in EXCLUDING_WORDS[topic]):
        return None
    core = " ".join(word for word in words if word not in NOISE_WORDS)
    phrases = TOPIC_PHRASES[topic]
    has_amount = bool(unit) or not (UNQUANTIFIED_WORDS & set(words))
    for rank, phrase in enumerate(phrases):
        if phrase in (name, core):
            return Topic(topic, rank, has_amount)
    for rank, phrase in enumerate(phrases):
        if _contains(name, words, phrase):
            return Topic(topic, len(phrases) + rank, has_amount)
    return None


def _contains(name: str, words: list[str], phrase: str) -> bool:
    """Return whether a phrase is among a key's words, or inside one if it is long or not Latin."""
    if not phrase.isascii() and not re.search(r"[a-zа-я]", phrase):
        return phrase in name
    if len(phrase) >= MIN_COMPOUND_LETTERS:
        return phrase in name
    return phrase in words or (" " in phrase and f" {phrase} " in f" {name} ")

"""Which of the owner's columns a contract column may be, by name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher

from handpick.stages.land.synonyms import SYNONYMS, TABLES

VAGUE = frozenset(
    {"id", "at", "on", "date", "time", "name", "type", "text", "code", "number", "list", "version", "value", "session",
     "status", "data", "am", "le", "product", "model"}
)  # fmt: skip
"""Words that say nothing about a column when they are one of several."""


def likely(column: str, names: Sequence[str]) -> str | None:
    """The owner's column that is most likely this one, or None."""
    scored = sorted(((name_score(column, name), name) for name in names), reverse=True)
    return scored[0][1] if scored and scored[0][0] >= 0.6 else None


def name_score(column: str, name: str) -> float:
    """How alike two column names are, 0 to 1: equal, a known other name, one with words added, or similar letters."""
    plain, target = _plain(name), _plain(column)
    if plain == target:
        return 1.0
    best = 0.85 * SequenceMatcher(None, plain, target).ratio()
    words = _words(name)
    for place, other in enumerate((column, *SYNONYMS.get(column, ()))):
        rank = 0.01 * min(place, 15)
        if plain == _plain(other):
            return 0.96 - rank
        inner = _words(other)
        if inner < words and not inner <= VAGUE:
            best = max(best, 0.85 - rank - 0.03 * len(words - inner))
    return best


def table_score(source: str, where: str) -> float:
    """1 if the name of a file or table says that it holds the source, 0 if not."""
    words = _words(re.split(r"[\\/]", where.removesuffix("/"))[-1].rsplit(".", 1)[0])
    return float(any(word.startswith(sign) for word in words for sign in TABLES[source]))


def _words(name: str) -> frozenset[str]:
    """A name's words in plain letters: `listPrice`, `Preis (brutto)` and `price_cents` have two each."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", _unaccented(name))
    return frozenset(re.findall(r"[a-z0-9]+", apart.lower()))


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", _unaccented(name).lower())


def _unaccented(name: str) -> str:
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()

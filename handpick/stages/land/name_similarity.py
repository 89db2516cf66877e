"""Scores how likely an owner's column or table is a given contract column or source."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from difflib import SequenceMatcher

from handpick.stages.land.synonyms import COLUMN_SYNONYMS, TABLE_NAME_PREFIXES

VAGUE_WORDS = frozenset(
    {"id", "at", "on", "date", "time", "name", "type", "text", "code", "number", "list", "version", "value",
     "session", "status", "data", "am", "le", "product", "model"}
)  # fmt: skip
"""Words that do not identify a column when its name has other words too."""

EXCLUDED_WORDS: dict[str, frozenset[str]] = {
    "in_stock": frozenset(("color", "colors", "colour", "colours", "price", "size", "sizes", "capacity")),
    "price": frozenset(("range", "class", "category", "quantile", "tier", "segment")),
    "description": frozenset(("sensors", "camera", "display")),
    "item_id": frozenset(("category", "brand", "color")),
}
"""By contract column, words with which a name means something else: `colors_available` is no stock."""


def find_likely_column(column: str, names: Sequence[str]) -> str | None:
    """Return the owner's column that most likely is a contract column, or None if no name scores 0.6."""
    scored = sorted(((score_name(column, name), name) for name in names), reverse=True)
    return scored[0][1] if scored and scored[0][0] >= 0.6 else None


def score_name(column: str, name: str) -> float:
    """Score how likely an owner's column name means a contract column.

    Args:
        column: The contract column.
        name: The owner's name.

    Returns:
        1 for equal names, then, in falling order, synonyms, synonyms with words added, and similar letters;
        at least 0.
    """
    if EXCLUDED_WORDS.get(column, frozenset()) & _split_words(name):
        return 0.0
    plain, target = _strip_separators(name), _strip_separators(column)
    if plain == target:
        return 1.0
    best = 0.85 * SequenceMatcher(None, plain, target).ratio()
    words = _split_words(name)
    for place, other in enumerate((column, *COLUMN_SYNONYMS.get(column, ()))):
        rank = 0.01 * min(place, 15)
        if plain == _strip_separators(other):
            return 0.96 - rank
        inner = _split_words(other)
        if inner < words and not inner <= VAGUE_WORDS:
            best = max(best, 0.85 - rank - 0.03 * len(words - inner))
    return best


def score_table_name(source: str, where: str) -> float:
    """Return 1 if a word in the name of a file or table begins as the source's names do, else 0."""
    words = _split_words(re.split(r"[\\/]", where.removesuffix("/"))[-1].rsplit(".", 1)[0])
    return float(any(word.startswith(sign) for word in words for sign in TABLE_NAME_PREFIXES[source]))


def _split_words(name: str) -> frozenset[str]:
    """Split a name into words in ASCII: `listPrice`, `Preis (brutto)` and `price_cents` have two each."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", _strip_accents(name))
    return frozenset(re.findall(r"[a-z0-9]+", apart.lower()))


def _strip_separators(name: str) -> str:
    """Return the ASCII letters and digits of a name in lower case."""
    return re.sub(r"[^a-z0-9]", "", _strip_accents(name).lower())


def _strip_accents(name: str) -> str:
    """Return a name without accents and without letters that ASCII lacks."""
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()

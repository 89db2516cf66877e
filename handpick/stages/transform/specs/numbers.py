"""Numbers as people write them, and texts made ready for reading them."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

NUMBER = r"(\d{1,2} \d{3}(?!\d)|\d+(?:[.,]\d+)*)"
"""A number: `5000`, `5,000`, `5 000`, `6.1`, `6,1`; one group."""
PLAIN_NUMBER = r"(\d+(?:[.,]\d+)*)"
"""A number without blanks in it, for texts in which another number may stand before it."""
START = r"(?<![\d.,])(?<!\b[iI])"
"""What must not precede a number: its own first digits, or the letter of a processor as `i5`."""

_MEMORY_UNITS = tuple(
    (re.compile(rf"(?<=\d)( ?-?)(?:{words})(?!\w)"), rf"\1{unit}")
    for unit, words in (
        ("GB", "ГБ|Гб|гб|Гбайт|Go|GO|go|Gb|gb|जीबी|गीगाबाइट|[Gg]igabytes?"),
        ("MB", "МБ|Мб|мб|Мбайт|Mo|MO|mb|एमबी|[Mm]egabytes?"),
        ("TB", "ТБ|Тб|тб|Тбайт|To|TO|tb|टीबी|[Tt]erabytes?"),
    )
)
_ANDROID_GO = re.compile(r"(?i)(\bandroid (?:v)?\d+(?:\.\d+)?) go\b")
_BLANKS = re.compile(r"[\s\u00a0\u202f\u2009]+")
_GROUPING_COMMA = re.compile(
    r"(?:(?<=^[1-9])|(?<=^[1-9]\d)|(?<=^[1-9]\d{2})|(?<=,\d{3})),(?=\d{3}(?:$|[,.]))"
)


@lru_cache(maxsize=65_536)
def normalize_text(text: str) -> str:
    """Return a text with single blanks, ASCII digits, Latin letters for full-width ones, memory in GB."""
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
        text = "".join(str(unicodedata.decimal(char)) if char.isdecimal() else char for char in text)
    text = _BLANKS.sub(" ", text).strip()
    # The edition of Android for small phones is no memory.
    text = _ANDROID_GO.sub(r"\1 (Edition)", text)
    for pattern, unit in _MEMORY_UNITS:
        text = pattern.sub(unit, text)
    return text


def parse_number(written: str) -> float | None:
    """Parse a number as people write it; None where it is none.

    A comma or blank before exactly three digits groups thousands (not after a leading zero); any other comma
    is a decimal mark.
    """
    joined = _GROUPING_COMMA.sub("", written.replace(" ", ""))
    try:
        return float(joined.replace(",", "."))
    except ValueError:
        return None


@lru_cache(maxsize=256)
def compile_quantity(unit: str, number: str = NUMBER) -> re.Pattern[str]:
    """Compile the pattern of a number before a unit; its first group is the number.

    Args:
        unit: Regular expression of the unit and what follows it.
        number: Regular expression of the number.
    """
    return re.compile(START + number + unit)


def find_quantity(text: str, unit: str, number: str = NUMBER) -> float | None:
    """Return the first number that is followed by a unit; None where there is none."""
    found = compile_quantity(unit, number).search(text)
    return None if found is None else parse_number(found[1])


def keep_within(value: float | None, low: float, high: float, places: int = 2) -> float | None:
    """Return a value, rounded, where it is between what is possible for a phone; else None."""
    if value is None or not low <= (rounded := round(value, places)) <= high:
        return None
    return rounded

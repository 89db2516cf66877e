"""Finds the first day that a text states: `Released 2019, March`, `Q3 2024`, `2024年9月`, `март 2024`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from handpick.stages.land.month_names import find_month

YEAR = r"(?:19[7-9]|20[0-9])\d"
WORD = r"[^\W\d_]{3,}\.?"
DAY = r"(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th|er|º|\.)?"
_EAST_ASIAN = re.compile(rf"({YEAR})\s*[年년]\s*(?:(\d{{1,2}})\s*[月월]\s*(?:(\d{{1,2}})\s*[日号일])?)?")
_ISO = re.compile(rf"(?<!\d)({YEAR})([-/.])(\d{{1,2}})(?:\2(\d{{1,2}}))?(?!\d)")
_MONTH_YEAR = re.compile(rf"(?<!\d)(\d{{1,2}})[-/.]({YEAR})(?!\d)")
_QUARTERS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<![^\W\d_])[QTК]\s?(?P<quarter>[1-4])\W{{0,3}}(?P<year>{YEAR})",
        r"(?<![^\W\d_])(?P<quarter>[1-4]|I{1,3}|IV)(?:er|º|\.|-?й|st|nd|rd|th)?\s*"
        r"(?:[QT]|quarter|quartal|trimestre|квартал\w*|кв\.?)\W{0,3}(?:of |de |del )?"
        rf"(?P<year>{YEAR})",
        rf"(?P<year>{YEAR})\W{{0,3}}[QTК]\s?(?P<quarter>[1-4])(?!\d)",
        rf"(?P<year>{YEAR})\s*年?\s*第?(?P<quarter>[1-4一二三四])\s*季",
    )
)
"""Quarters: `Q3 2024`, `3. Quartal 2024`, `2024, Q3`, `2024年第三季度`."""
_YEAR_MONTH_DAY = re.compile(rf"(?<!\d)({YEAR})\W{{1,3}}({WORD})(?:\W{{1,2}}({DAY})(?![\d]))?")
_DAY_MONTH_YEAR = re.compile(
    rf"(?<!\d)(?:({DAY})\W{{0,2}}(?:de |d['’])?)?({WORD})\W{{1,3}}(?:de |del )?({YEAR})(?!\d)"
)
_MONTH_DAY_YEAR = re.compile(rf"({WORD})\W{{1,2}}({DAY})\W{{1,3}}({YEAR})(?!\d)")
_BARE_YEAR = re.compile(rf"(?<![\d.,]){YEAR}(?![\d]|[.,]\d|\s?(?:mAh|MP|px|pixels|nits|Hz|[x×]\s?\d))")
_NUMERALS = {"I": 1, "II": 2, "III": 3, "IV": 4, "一": 1, "二": 2, "三": 3, "四": 4}


def find_first_day(text: str) -> str | None:
    """Return the first day that a text states, in ISO form; None where it states none.

    The statement that stands first counts. Of a month or a quarter it is the first day, of a year alone
    1 January. Days whose order is not clear (`03/04/2024`) are no statement.
    """
    found = [statement for statement in _find_statements(text) if statement is not None]
    if not found:
        return None
    # The more exact of two readings that begin at the same place.
    _, _, day = min(found, key=lambda one: (one[0], -one[1]))
    return day.isoformat()


def _find_statements(text: str) -> Iterator[tuple[int, int, date] | None]:
    """Yield (place, length, first day) of everything that states a day, a month, a quarter or a year."""
    for match in _EAST_ASIAN.finditer(text):
        yield _make(match, match[1], match[2], match[3])
    for match in _ISO.finditer(text):
        yield _make(match, match[1], match[3], match[4])
    for match in _MONTH_YEAR.finditer(text):
        if not re.search(r"\d[-/.]$", text[: match.start()]):
            yield _make(match, match[2], match[1], None)
    for pattern in _QUARTERS:
        for match in pattern.finditer(text):
            number = _NUMERALS.get(match["quarter"].upper()) or int(match["quarter"])
            yield _make(match, match["year"], str(3 * number - 2), None)
    for match in _YEAR_MONTH_DAY.finditer(text):
        yield _make_named(match, match[1], match[2], match[3])
    for match in _DAY_MONTH_YEAR.finditer(text):
        yield _make_named(match, match[3], match[2], match[1])
    for match in _MONTH_DAY_YEAR.finditer(text):
        yield _make_named(match, match[3], match[1], match[2])
    for match in _BARE_YEAR.finditer(text):
        # The year of `03/04/2024` states no more than the year, and less than the text: no statement.
        if not re.search(r"\d[-/.]$", text[: match.start()]):
            yield _make(match, match[0], None, None)


def _make_named(match: re.Match[str], year: str, month: str, day: str | None) -> tuple[int, int, date] | None:
    """Make a statement whose month is named; None where the word is no month."""
    number = find_month(month)
    return None if number is None else _make(match, year, str(number), re.sub(r"\D", "", day or "") or None)


def _make(
    match: re.Match[str], year: str, month: str | None, day: str | None
) -> tuple[int, int, date] | None:
    """Make a statement; None for a day that is none."""
    try:
        return match.start(), match.end() - match.start(), date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None

"""Reads numbers with currencies and separators, cell by cell, into plain decimals.

Most cells say themselves which mark is the decimal one: `1.049,00`, `12,5`, `1,29,900`. Only one mark before
exactly three digits (`1.049`) can be either, and there the declared form of the column decides.
"""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc

from handpick.settings.sources import NumberForm
from handpick.stages.land.regex_groups import get_group, match_groups

BLANKS = r"[\s\x{00a0}\x{2007}\x{2009}\x{202f}\x{2002}\x{2003}\x{200a}]"
CURRENCY_WORDS = (
    "rs", "inr", "euro", "euros", "dollars?", "fr", "sfr", "dt", "сом", "сум", "тг",
    "kr", "ft", "lei", "руб", "р", "zł", "kč", "лв",
    "грн",
    "din", "rm", "rp", "tl", "元", "円", "원", "圓",
)  # fmt: skip
CURRENCY = rf"(?:[A-Z]{{0,3}}\p{{Sc}}|[A-Z]{{3}}|(?i:{'|'.join(CURRENCY_WORDS)})\.?)"
"""A sign, an ISO code, or a usual abbreviation of a currency."""

AMOUNT = rf"^(?:{CURRENCY}\s*)?(?P<sign>[+-]?)\s*(?:{CURRENCY}\s*)?(?P<number>\d(?:[\d.,' ]*\d)?|[.,]\d+)" + (
    rf"(?:[.,]-{{1,2}})?\s*(?:{CURRENCY})?$"
)
"""An amount with its currency before or after; `,-` and `.–` stand for no cents."""

GROUPED = r"\d{1,3}(?:[' ]\d{3})+(?:[.,]\d+)?"
POINTS_GROUP = r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}"
COMMAS_GROUP = r"\d{1,3}(?:,\d{2,3})*,\d{3}\.\d+|\d{1,3}(?:,\d{2,3})+,\d{3}"
DECIMAL = r"\d*[.,](?:\d{1,2}|\d{4,})|0[.,]\d+|\d{4,}[.,]\d{3}"
EITHER = r"[1-9]\d{0,2}[.,]\d{3}"
"""Kinds of numerals with a mark; the last can be a whole number or one with three decimals."""

NUMERAL = r"\d{1,3}(?:[ '’\u00a0\u2007\u2009\u202f]\d{3})+(?:[.,]\d+)?|\d+(?:[.,]\d+)*"
"""A whole numeral within a text, for Python."""


def read_numbers(column: pa.ChunkedArray, form: NumberForm | str) -> pa.ChunkedArray:
    """Rewrite amounts with a decimal point, without grouping and currency.

    Args:
        column: `(rows,)` texts.
        form: Form of the column, which decides about cells such as `1.049`.

    Returns:
        `(rows,)` texts; those that are no single amount are unchanged.
    """
    sign, number = _split_amounts(column)
    return pc.coalesce(pc.binary_join_element_wise(sign, _write_plainly(number, form), ""), column)


def find_either(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the distinct texts, such as `1.049`, whose point can group or be the decimal mark.

    None are returned if another text decides.
    """
    texts = column.unique()
    _, number = _split_amounts(pa.chunked_array([texts]))
    either = pc.fill_null(pc.match_substring_regex(number, r"^[1-9]\d{0,2}\.\d{3}$"), False)
    told = r"\.(\d{1,2}|\d{4,})$|^0\.|\.\d+\.|[.,].*[.,]"
    is_told = pc.any(pc.match_substring_regex(number, told)).as_py()
    return texts.filter(pc.and_(either.combine_chunks(), pa.scalar(not is_told)))


def extend_to_numerals(texts: list[str], spans: list[tuple[int, int]]) -> list[str]:
    """Return what each text has at its span, or the whole numeral that the span cuts in two.

    Args:
        texts: The texts.
        spans: Start and end of the part that was extracted from each.
    """
    found = []
    for text, (start, end) in zip(texts, spans, strict=True):
        whole = next((m for m in re.finditer(NUMERAL, text) if m.start() <= start < end <= m.end()), None)
        is_cut = whole is not None and whole.end() > end
        found.append(text[start : whole.end()] if whole is not None and is_cut else text[start:end])
    return found


def _split_amounts(column: pa.ChunkedArray) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Return sign and numeral of each amount, in plain characters; null for other texts."""
    text = pc.replace_substring_regex(column, pattern=BLANKS, replacement=" ")
    text = pc.replace_substring_regex(text, pattern="[’`´‘]", replacement="'")
    text = pc.utf8_trim_whitespace(pc.replace_substring_regex(text, pattern="[−–—‐]", replacement="-"))
    groups = match_groups(text, AMOUNT)
    sign, number = get_group(groups, "sign"), get_group(groups, "number")
    return pa.chunked_array([pc.replace_substring(sign, "+", "")]), pa.chunked_array([number])


def _write_plainly(number: pa.ChunkedArray, form: NumberForm | str) -> pa.ChunkedArray:
    """Return numerals with a decimal point and without grouping; null for those that are none."""
    none = pa.scalar(None, pa.string())

    def fits(pattern: str) -> pa.ChunkedArray:
        return pc.fill_null(pc.match_substring_regex(number, f"^(?:{pattern})$"), False)

    def drop(mark: str, text: pa.ChunkedArray) -> pa.ChunkedArray:
        return pc.replace_substring(text, mark, "")

    comma_is_decimal = pc.replace_substring(drop(".", number), ",", ".")
    point_is_decimal = drop(",", number)
    blanks_group = pc.replace_substring(drop("'", drop(" ", number)), ",", ".")
    decimal = pc.replace_substring(number, ",", ".")
    declared = comma_is_decimal if form == "1.299,00" else point_is_decimal
    kinds = [
        (r"\d+", number),
        (GROUPED, blanks_group),
        (POINTS_GROUP, comma_is_decimal),
        (COMMAS_GROUP, point_is_decimal),
        (EITHER, declared),
        (DECIMAL, decimal),
    ]
    result = pc.if_else(pc.is_valid(number), none, none)
    for pattern, value in reversed(kinds):
        result = pc.if_else(fits(pattern), value, result)
    # A numeral may begin with its mark: `.5`.
    return pc.replace_substring_regex(result, pattern=r"^\.", replacement="0.")

"""Native expressions that clean free text and read numbers from it."""

from __future__ import annotations

from handpick.runtime.dataframes import Column, F
from handpick.runtime.dataframes.java_patterns import bound_to_ascii

NUMBER_PATTERN = r"(\d{1,2}[ \u00a0\u202f]\d{3}(?!\d)|\d+(?:[.,]\d+)*)"
"""A number as people write it: `5000`, `5,000`, `5 000`, `6.1`, `6,1`."""


def parse_number(written: Column) -> Column:
    """Parse a number as people write it into a double; null where there is none.

    A comma or space before exactly three digits groups thousands (not after a leading zero); any other comma
    is a decimal mark.

    Args:
        written: A string column that holds nothing but the number.
    """
    joined = F.regexp_replace(written, "[ \u00a0\u202f]", "")
    ungrouped = F.regexp_replace(
        joined, r"(?:(?<=^[1-9])|(?<=^[1-9]\d)|(?<=^[1-9]\d{2})|(?<=,\d{3})),(?=\d{3}(?:$|[,.]))", ""
    )
    return F.regexp_replace(ungrouped, ",", ".").try_cast("double")


def extract_number(text: Column, unit: str, before: str = "") -> Column:
    """Extract the first number that is followed by a unit, as a double; null where there is none.

    Args:
        text: The raw text.
        unit: Java regular expression of what follows the number.
        before: Java regular expression of what must precede it.
    """
    return parse_number(F.regexp_extract(text, before + r"(?<![\d.,])" + NUMBER_PATTERN + unit, 1))


def has_match(text: Column, pattern: str) -> Column:
    """Return whether a Java regular expression matches anywhere in a text."""
    return F.regexp_like(text, F.lit(bound_to_ascii(pattern)))


def null_outside(value: Column, low: float, high: float) -> Column:
    """Return the value where it is between two bounds (what is physically possible for a phone), else null.

    The value is filtered as an array of one element, so that its regular expressions are evaluated once;
    `when(value.between(low, high), value)` would evaluate them three times.
    """
    return F.get(F.filter(F.array(value), lambda one: one.between(low, high)), F.lit(0))


def clean_text(text: Column) -> Column:
    """Trim a text and collapse repeated and non-breaking blanks; null where nothing is left."""
    clean = F.trim(F.regexp_replace(text, "[\\s\u00a0\u202f]+", " "))
    return F.when(clean != "", clean)

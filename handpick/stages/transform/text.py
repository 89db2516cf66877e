"""Native Spark expressions for numbers in free text: thousands and decimal marks, units, first match wins."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

NUMBER = r"(\d{1,2}[ \u00a0\u202f]\d{3}(?!\d)|\d+(?:[.,]\d+)*)"
"""A number as people write it: `5000`, `5,000`, `5 000`, `6.1`, `6,1`."""


def number(written: Column) -> Column:
    """A double from a number as people write it; null where there is none.

    A comma or space before exactly three digits groups thousands (not after a leading zero); any other comma is a
    decimal mark.
    """
    joined = F.regexp_replace(written, "[ \u00a0\u202f]", "")
    ungrouped = F.regexp_replace(
        joined, r"(?<=^[1-9]\d{0,2}),(?=\d{3}(?:$|[,.]))|(?<=,\d{3}),(?=\d{3}(?:$|[,.]))", ""
    )
    return F.regexp_replace(ungrouped, ",", ".").try_cast("double")


def first_number(text: Column, unit: str, before: str = "") -> Column:
    """The first number followed by `unit` (a Java regular expression), or null.

    Args:
        text: The raw text.
        unit: What follows the number.
        before: A pattern that must come before it.
    """
    return number(F.regexp_extract(text, before + r"(?<![\d.,])" + NUMBER + unit, 1))


def within(value: Column, low: float, high: float) -> Column:
    """The value where it lies in what is physically possible for a phone, else null.

    Filters an array of one, so that the value is computed once; `when(value..., value)` would compute it thrice.
    """
    return F.get(F.filter(F.array(value), lambda one: one.between(low, high)), F.lit(0))


def tidy(text: Column) -> Column:
    """Text without surrounding, repeated or non-breaking blanks; null where nothing is left."""
    clean = F.trim(F.regexp_replace(text, "[\\s\u00a0\u202f]+", " "))
    return F.when(clean != "", clean)

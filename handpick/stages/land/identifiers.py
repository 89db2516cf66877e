"""Writes identifiers in one form: without blanks around them, composed letters, and integers without `.0`."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from handpick.contracts import Column
from handpick.contracts.patterns import ID_PATTERN

INTEGER_AS_FLOAT = r"^-?\d+\.0+$"
INTEGER = r"^-?(0|[1-9]\d*)(\.0+)?$"
SHORTENED_ID = r"^\d([.,]\d+)?[eE]\+\d+$"
"""A long number as spreadsheets show it: `4.01235E+12`."""
INVISIBLE = r"[\x{200b}\x{200c}\x{200d}\x{2060}\x{feff}]"


def is_identifier(column: Column) -> bool:
    """Return whether a contract column holds identifiers."""
    return column.pattern == ID_PATTERN


def find_shortened(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the identifiers that a spreadsheet has shortened, such as `4.01235E+12`."""
    if not pc.any(pc.match_substring(column, "E+", ignore_case=True)).as_py():
        return column.slice(0, 0)
    return column.filter(pc.fill_null(pc.match_substring_regex(column, SHORTENED_ID), False))


def normalize_identifiers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return identifiers in one form.

    Tables of numbers write an integer column that has empty cells as floats. Where all values of a file are
    integers, some of them written `1.0`, the fraction is dropped; ids such as `1.5` leave all as they are.
    """
    if not pc.all(pc.fill_null(pc.string_is_ascii(column), True)).as_py():
        column = pc.replace_substring_regex(pc.utf8_normalize(column, form="NFC"), INVISIBLE, "")
    column = pc.utf8_trim_whitespace(column)
    # The plain search first: it is several times faster, and seldom finds anything.
    if not pc.any(pc.match_substring(column, ".0")).as_py():
        return column
    if not pc.any(pc.match_substring_regex(column, INTEGER_AS_FLOAT)).as_py():
        return column
    given = column.filter(pc.fill_null(pc.not_equal(column, ""), False))
    if not pc.all(pc.match_substring_regex(given, INTEGER)).as_py():
        return column
    return pc.replace_substring_regex(column, pattern=r"\.0+$", replacement="")

"""Derives contract values from other columns: collects, hashes, extracts and reformats them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from handpick.errors import ConfigurationError
from handpick.stages.land.numbers import extend_to_numerals
from handpick.stages.land.regex_groups import get_group, match_groups
from handpick.stages.land.times import parse_times
from handpick.stages.land.unparsable_rows import LINE_COLUMN, RAW_COLUMN

ALL_COLUMNS = "*"
MAX_ID_LETTERS = 128
PIECES = (
    r"(?i)^[<>≥≤~]?=?\s*(?P<count>[+-]?\d+)(?:[.,]\d+)?\s*\+?\s*"
    r"(?:pcs?|pieces?|units?|st|stk|stück|x|ks|szt|db|u|шт|件|台|个|部|点)?\.?$"
)
"""A number of pieces, such as `12`, `-2`, `10+`, `>5` or `3 Stk.`."""


def collect_columns(rows: pa.Table, names: Sequence[str]) -> pa.Array:
    """Return `(rows,)` JSON objects of the named columns without empty values; null for an unparsable row."""
    columns = {name: rows.column(name).to_pylist() for name in names if name in rows.column_names}
    texts = []
    for place in range(rows.num_rows):
        values = {name: column[place] for name, column in columns.items()}
        texts.append(json.dumps({name: value for name, value in values.items() if value}, ensure_ascii=False))
    return _null_unparsable(rows, pa.array(texts, pa.string()))


def list_joined_columns(template: str) -> list[str]:
    """Return the names in braces of a template, such as `{brand} {model}`."""
    return re.findall(r"\{([^{}]+)\}", template)


def join_columns(rows: pa.Table, template: str, is_id: bool) -> pa.Array:
    """Return `(rows,)` texts of a template with each row's values; null where all of them are empty.

    Args:
        rows: Text columns under the owner's names.
        template: A text with names of columns in braces.
        is_id: Whether the text identifies the row: blanks become hyphens then.

    Raises:
        ConfigurationError: If the template names a column that there is not.
    """
    names = list_joined_columns(template)
    present = {name.strip(): name for name in rows.column_names}
    if absent := [name for name in names if name not in present]:
        raise ConfigurationError(
            f"joined: '{template}' names {', '.join(absent)}, which is no column; there are "
            f"{', '.join(name for name in present if not name.startswith('_'))}."
        )
    columns = [rows.column(present[name]).to_pylist() for name in names]
    texts: list[str | None] = []
    for values in zip(*columns, strict=True):
        text = template
        for name, value in zip(names, values, strict=True):
            text = text.replace(f"{{{name}}}", (value or "").strip())
        text = ("-" if is_id else " ").join(text.split())
        texts.append((text[:MAX_ID_LETTERS] if is_id else text) if any(values) else None)
    return _null_unparsable(rows, pa.array(texts, pa.string()))


def hash_rows(rows: pa.Table) -> pa.Array:
    """Return `(rows,)` ids of 32 hexadecimal digits, hashed from whole rows; null for unparsable rows."""
    # In name order, so that a file with reordered columns gives the same ids.
    names = sorted(name for name in rows.column_names if name not in (RAW_COLUMN, LINE_COLUMN))
    columns = [rows.column(name).to_pylist() for name in names]
    digits = [
        hashlib.sha256(json.dumps(row, ensure_ascii=False).encode()).hexdigest()[:32]
        for row in zip(*columns, strict=True)
    ]
    return _null_unparsable(rows, pa.array(digits, pa.string()))


def extract_pattern(
    column: pa.ChunkedArray, pattern: str, name: str, is_number: bool = False
) -> pa.ChunkedArray:
    """Extract the first matching group of a pattern from each text; keep texts that do not match.

    Args:
        column: `(rows,)` texts.
        pattern: Regular expression with at least one group.
        name: The contract column, for the error message.
        is_number: Whether the column holds numbers: a group that ends within a numeral then takes the rest
            of it, as a part of a price is a wrong price.

    Raises:
        ConfigurationError: If the pattern is not a regular expression or has no group.
    """
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ConfigurationError(
            f"patterns.{name}: {pattern!r} is not a regular expression: {error}"
        ) from None
    if not expression.groups:
        raise ConfigurationError(
            f"patterns.{name}: {pattern!r} has no group (...) around the part to extract."
        )
    # Each distinct text is searched once: columns such as units repeat a few texts over all rows.
    encoded = column.combine_chunks().dictionary_encode()
    texts = encoded.dictionary.to_pylist()
    spans = [_find_span(expression, text) for text in texts]
    if is_number:
        found = extend_to_numerals(texts, spans)
    else:
        found = [text[start:end] for text, (start, end) in zip(texts, spans, strict=True)]
    return pa.chunked_array([pc.take(pa.array(found, pa.string()), encoded.indices)])


def _find_span(expression: re.Pattern[str], text: str) -> tuple[int, int]:
    """Return where the first group of a pattern that took part is in a text; the whole text if none did."""
    match = expression.search(text)
    groups = range(1, expression.groups + 1) if match else ()
    spans = (match.span(group) for group in groups if match and match.group(group) is not None)
    return next(spans, (0, len(text)))


def read_piece_counts(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return `true` for a number of pieces above 0, `false` for 0 and less, and null for other texts."""
    text = pc.utf8_trim_whitespace(column)
    count = get_group(match_groups(text, PIECES), "count")
    is_above = pc.match_substring_regex(count, r"^\+?0*[1-9]")
    read = pc.if_else(is_above, pa.scalar("true"), pa.scalar("false"))
    return pa.chunked_array([pc.if_else(pc.is_valid(count), read, pa.scalar(None, pa.string()))])


def keep_one_per_key(rows: pa.Table, key: str, order: str, seen: set[str] | None) -> pa.Table:
    """Return one row of each key, in the order of the rows; rows without a key stay.

    Args:
        rows: Rows of a source.
        key: The column of the key.
        order: A column of times. The earliest row of a key is kept, whichever line it is on; with `seen` as
            None the newest.
        seen: Keys of files before, whose rows are left out; the new keys are added.
    """
    times = parse_times(pc.utf8_trim_whitespace(rows.column(order)), "", "timestamp")
    places = pa.table(
        {
            "key": rows.column(key),
            # Rows whose time cannot be read come last.
            "time": pc.fill_null(times, "9" if seen is not None else ""),
            "place": np.arange(rows.num_rows),
        }
    )
    direction = "ascending" if seen is not None else "descending"
    places = places.sort_by([("key", "ascending"), ("time", direction), ("place", "ascending")])
    keys = places.column("key").to_pylist()
    kept = [
        place
        for at, (value, place) in enumerate(zip(keys, places.column("place").to_pylist(), strict=True))
        if value is None or ((at == 0 or keys[at - 1] != value) and value not in (seen or ()))
    ]
    if seen is not None:
        seen.update(value for value in keys if value is not None)
    return rows.take(pa.array(sorted(kept), pa.int64()))


def _null_unparsable(rows: pa.Table, values: pa.Array) -> pa.Array:
    """Return the values with null for each row that could not be parsed."""
    if RAW_COLUMN not in rows.column_names:
        return values
    return pc.if_else(pc.is_null(rows.column(RAW_COLUMN)), values, pa.scalar(None, pa.string()))

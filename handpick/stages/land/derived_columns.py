"""Derives contract values from other columns: collects, hashes, extracts and reformats them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from handpick.errors import ConfigurationError
from handpick.settings.sources import NumberForm
from handpick.stages.land.unparsable_rows import LINE_COLUMN, RAW_COLUMN

ALL_COLUMNS = "*"


def collect_columns(rows: pa.Table, names: Sequence[str]) -> pa.Array:
    """Return `(rows,)` JSON objects of the named columns without empty values; null for an unparsable row."""
    columns = {name: rows.column(name).to_pylist() for name in names if name in rows.column_names}
    texts = []
    for place in range(rows.num_rows):
        values = {name: column[place] for name, column in columns.items()}
        texts.append(json.dumps({name: value for name, value in values.items() if value}, ensure_ascii=False))
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


def extract_pattern(column: pa.ChunkedArray, pattern: str, name: str) -> pa.ChunkedArray:
    """Extract the first matching group of a pattern from each text; keep texts that do not match.

    Args:
        column: `(rows,)` texts.
        pattern: Regular expression with at least one group.
        name: The contract column, for the error message.

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
    found = [
        next((group for group in match.groups() if group is not None), text)
        if (match := expression.search(text))
        else text
        for text in encoded.dictionary.to_pylist()
    ]
    return pa.chunked_array([pc.take(pa.array(found, pa.string()), encoded.indices)])


def normalize_numbers(column: pa.ChunkedArray, form: NumberForm) -> pa.ChunkedArray:
    """Rewrite numbers with a decimal point and without grouping; keep text of another form."""
    group, mark = (r"\.", ",") if form == "1.299,00" else (",", r"\.")
    text = pc.utf8_trim_whitespace(column)
    is_number = pc.match_substring_regex(text, rf"^[+-]?(\d{{1,3}}({group}\d{{3}})+|\d+)({mark}\d+)?$")
    bare = pc.replace_substring_regex(text, pattern=group, replacement="")
    return pc.if_else(is_number, pc.replace_substring(bare, ",", "."), column)


def keep_first_per_key(rows: pa.Table, key: str, seen: set[str]) -> pa.Table:
    """Return the rows whose key is not in `seen` yet, and add their keys to it; rows without a key stay."""
    kept = []
    for value in rows.column(key).to_pylist():
        kept.append(value is None or value not in seen)
        if value is not None:
            seen.add(value)
    return rows.filter(pa.array(kept, pa.bool_()))


def _null_unparsable(rows: pa.Table, values: pa.Array) -> pa.Array:
    """Return the values with null for each row that could not be parsed."""
    if RAW_COLUMN not in rows.column_names:
        return values
    return pc.if_else(pc.is_null(rows.column(RAW_COLUMN)), values, pa.scalar(None, pa.string()))

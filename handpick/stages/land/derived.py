"""Values that the owner has no column for, or has inside of other text: collected, hashed, cut out."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from handpick.errors import ConfigurationError
from handpick.settings.sources import NumberForm
from handpick.stages.land.rows import LINE, RAW

EVERY = "*"


def collected(rows: pa.Table, names: Sequence[str]) -> pa.Array:
    """For each row the JSON object of these columns, empty ones left out; null for a row that could not be parsed."""
    columns = {name: rows.column(name).to_pylist() for name in names if name in rows.column_names}
    texts = []
    for place in range(rows.num_rows):
        values = {name: column[place] for name, column in columns.items()}
        texts.append(json.dumps({name: value for name, value in values.items() if value}, ensure_ascii=False))
    return _parsed_only(rows, pa.array(texts, pa.string()))


def hashed(rows: pa.Table) -> pa.Array:
    """For each row 32 hexadecimal digits of its whole content; the same content gives the same digits."""
    names = sorted(name for name in rows.column_names if name not in (RAW, LINE))
    columns = [rows.column(name).to_pylist() for name in names]
    digits = [
        hashlib.sha256(json.dumps(row, ensure_ascii=False).encode()).hexdigest()[:32]
        for row in zip(*columns, strict=True)
    ]
    return _parsed_only(rows, pa.array(digits, pa.string()))


def cut_out(column: pa.ChunkedArray, pattern: str, name: str) -> pa.ChunkedArray:
    """What the pattern's first group finds in each text; a text that it does not match stays as it is.

    Raises:
        ConfigurationError: If the pattern is no regular expression or has no group.
    """
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ConfigurationError(f"patterns.{name}: {pattern!r} is no regular expression: {error}") from None
    if not expression.groups:
        raise ConfigurationError(f"patterns.{name}: {pattern!r} has no group (...) around what is wanted.")
    encoded = column.combine_chunks().dictionary_encode()
    found = [
        next((group for group in match.groups() if group is not None), text)
        if (match := expression.search(text))
        else text
        for text in encoded.dictionary.to_pylist()
    ]
    return pa.chunked_array([pc.take(pa.array(found, pa.string()), encoded.indices)])


def plain_number(column: pa.ChunkedArray, form: NumberForm) -> pa.ChunkedArray:
    """Numbers without grouping and with a decimal point; anything that is not written in the form stays as it is."""
    group, mark = (r"\.", ",") if form == "1.299,00" else (",", r"\.")
    text = pc.utf8_trim_whitespace(column)
    is_number = pc.match_substring_regex(text, rf"^[+-]?(\d{{1,3}}({group}\d{{3}})+|\d+)({mark}\d+)?$")
    bare = pc.replace_substring_regex(text, pattern=group, replacement="")
    return pc.if_else(is_number, pc.replace_substring(bare, ",", "."), column)


def first_per_key(rows: pa.Table, key: str, seen: set[str]) -> pa.Table:
    """The rows whose key is not yet among those seen, to which they are added; rows without a key stay."""
    kept = []
    for value in rows.column(key).to_pylist():
        kept.append(value is None or value not in seen)
        if value is not None:
            seen.add(value)
    return rows.filter(pa.array(kept, pa.bool_()))


def _parsed_only(rows: pa.Table, values: pa.Array) -> pa.Array:
    if RAW not in rows.column_names:
        return values
    return pc.if_else(pc.is_null(rows.column(RAW)), values, pa.scalar(None, pa.string()))

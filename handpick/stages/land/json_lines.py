"""Reads JSON: one object per line, an array of objects (even a broken one), or an indented document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa

from handpick.errors import InputError
from handpick.stages.land.doubts import add_doubts
from handpick.stages.land.encoding import decode_file, detect_encoding
from handpick.stages.land.unparsable_rows import LINE_COLUMN, append_unparsable

PROBED_LINES = 20
"""Lines that decide whether a file holds one object per line."""
WRAPPER_PATTERN = re.compile(r'\{\s*"(?:data|items|results?|rows|records|hits|value|list|[a-z]+s)"\s*:\s*\[')
"""Start of a one-line document that wraps a named list of rows, and is not a row itself."""

Piece = tuple[int, str]
"""A line number, counted from 1, and the text that starts there."""


def read_json(path: Path, encoding: str = "") -> pa.Table:
    """Read every object as a row of text; text that is not an object is kept whole in `_raw`.

    Args:
        path: The file.
        encoding: Its encoding; empty to detect it.

    Raises:
        InputError: If the file holds no rows.
    """
    found = detect_encoding(path, encoding)
    pieces = _iterate_lines(path, found.name)
    if not _is_line_by_line(path, found.name):
        pieces = _number_pieces(list(_iterate_objects(decode_file(path, found.name))))
    table = _build_table(pieces)
    if not table.num_rows:
        raise InputError(
            f"{path} holds no rows; nothing was landed tonight. Bring the whole file and run again."
        )
    return add_doubts(table, [found.doubt] if found.doubt else [])


def _is_line_by_line(path: Path, encoding: str) -> bool:
    """Return whether the file holds one object per line, and not one document that wraps all rows."""
    first = list(islice(_iterate_lines(path, encoding), PROBED_LINES + 1))
    if len(first) == 1 and WRAPPER_PATTERN.match(first[0][1]) and _unwrap_list(first[0][1]) != first[0][1]:
        return False
    return any(_parse_object(text) is not None for _, text in first)


def _build_table(pieces: Iterator[Piece]) -> pa.Table:
    """Build a table of text columns from objects, in the order in which column names first appear."""
    columns: dict[str, list[str | None]] = {}
    lines: list[int] = []
    broken: list[Piece] = []
    for number, text in pieces:
        row = _parse_object(text)
        if row is None:
            broken.append((number, text))
            continue
        for name, value in row.items():
            if name not in columns:
                columns[name] = [None] * len(lines)  # null in all rows before
            columns[name].append(value)
        lines.append(number)
        if len(row) < len(columns):
            for column in columns.values():
                if len(column) < len(lines):
                    column.append(None)
    arrays = {name: pa.array(column, pa.string()) for name, column in columns.items()}
    return append_unparsable(pa.table({**arrays, LINE_COLUMN: pa.array(lines, pa.int64())}), broken)


def _iterate_lines(path: Path, encoding: str) -> Iterator[Piece]:
    """Yield the non-empty lines, without the brackets and commas of an array around them."""
    # newline="\n": a lone carriage return within a value must not end the line.
    with path.open(encoding=encoding, errors="replace", newline="\n") as stream:
        for number, line in enumerate(stream, 1):
            text = line.strip().lstrip("\ufeff")
            if number == 1 and text.startswith("["):
                text = text[1:].strip()
            if text.endswith("},") or (text.endswith("}]") and not text.startswith("[")):
                text = text[:-1]
            if text and text not in ("[", "]", ","):
                yield number, text.encode("utf-8", errors="replace").decode("utf-8")


def _iterate_objects(text: str) -> Iterator[Piece]:
    """Yield the objects of a document; a broken one ends where the next opens at its indentation."""
    text = _unwrap_list(text)
    decoder = json.JSONDecoder()
    # The indentation of the first object is that of all: a broken one ends where the next begins.
    opening = re.search(r"(?m)^([ \t]*)\{", text)
    next_object = re.compile(rf"\n{opening.group(1) if opening else ''}\{{")
    place, line, counted = 0, 1, 0
    while match := re.compile(r"[^\s\[\],]").search(text, place):
        start = match.start()
        line, counted = line + text.count("\n", counted, start), start
        try:
            # raw_decode reports where the object ends, whatever follows it.
            _, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            following = next_object.search(text, start + 1)
            end = following.start() if following else len(text)
        yield line, text[start:end].strip()
        place = end


def _number_pieces(pieces: list[Piece]) -> Iterator[Piece]:
    """Yield the pieces, numbered by their order instead of their line where several start on one line."""
    if len({line for line, _ in pieces}) == len(pieces):
        return iter(pieces)
    return ((number, text) for number, (_, text) in enumerate(pieces, 1))


def _unwrap_list(text: str) -> str:
    """Return the list inside a document such as `{"items": [...]}` as JSON, or the text itself."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(document, dict):
        lists = [value for value in document.values() if isinstance(value, list)]
        if len(lists) == 1 and lists[0] and all(isinstance(value, dict) for value in lists[0]):
            return json.dumps(lists[0], ensure_ascii=False, indent=1)
    return text


def _parse_object(text: str) -> dict[str, str | None] | None:
    """Parse an object into text values; return None for text that is not an object."""
    try:
        # Numbers stay as they were written: a float would change the digits of long ids and of prices.
        row = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
        if not isinstance(row, dict):
            return None
        return {_check_storable(name): _format_value(value) for name, value in row.items()}
    except (ValueError, RecursionError):
        return None


def _format_value(value: object) -> str | None:
    """Return a value as it was written; objects and lists stay JSON."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return _check_storable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _check_storable(text: str) -> str:
    r"""Return the text, or raise a UnicodeEncodeError for a lone surrogate such as `\ud800`."""
    text.encode("utf-8")
    return text

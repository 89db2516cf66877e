"""JSON: an object a line, an array of objects (also cut off or broken), or a document laid out over many lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pyarrow as pa

from handpick.errors import InputError
from handpick.stages.land.encoding import encoding_of, text_of
from handpick.stages.land.rows import LINE, with_broken

FIRST_LINES = 20
WRAPPED = re.compile(r'\{\s*"(?:data|items|results?|rows|records|hits|value|list|[a-z]+s)"\s*:\s*\[')
"""How a document on a single line begins if it is a list of rows with a name, and not a row."""

Piece = tuple[int, str]
"""A line number and the text that starts there."""


def read_json(path: Path) -> pa.Table:
    """Every object as a row of text; what is no object is kept whole in `_raw`.

    Raises:
        InputError: If the file holds nothing at all.
    """
    encoding, _ = encoding_of(path)
    pieces = _lines(path, encoding)
    if not _is_line_by_line(path, encoding):
        pieces = _told_apart(list(_laid_out(text_of(path, encoding))))
    table = _table(pieces)
    if not table.num_rows:
        raise InputError(
            f"{path} holds no rows; nothing was landed tonight. Bring the whole file and run again."
        )
    return table


def _is_line_by_line(path: Path, encoding: str) -> bool:
    """Whether any of the first lines is an object by itself, and not the only one, wrapped around all rows."""
    first = list(islice(_lines(path, encoding), FIRST_LINES + 1))
    if len(first) == 1 and WRAPPED.match(first[0][1]) and _unwrapped(first[0][1]) != first[0][1]:
        return False
    return any(_object(text) is not None for _, text in first)


def _table(pieces: Iterator[Piece]) -> pa.Table:
    """Objects as columns of text, in the order in which their names first appear."""
    columns: dict[str, list[str | None]] = {}
    lines: list[int] = []
    broken: list[Piece] = []
    for number, text in pieces:
        row = _object(text)
        if row is None:
            broken.append((number, text))
            continue
        for name, value in row.items():
            if name not in columns:
                columns[name] = [None] * len(lines)
            columns[name].append(value)
        lines.append(number)
        if len(row) < len(columns):
            for column in columns.values():
                if len(column) < len(lines):
                    column.append(None)
    arrays = {name: pa.array(column, pa.string()) for name, column in columns.items()}
    return with_broken(pa.table({**arrays, LINE: pa.array(lines, pa.int64())}), broken)


def _lines(path: Path, encoding: str) -> Iterator[Piece]:
    """The lines that hold something, without the brackets and commas of an array around them."""
    with path.open(encoding=encoding, errors="replace", newline="\n") as stream:
        for number, line in enumerate(stream, 1):
            text = line.strip().lstrip("\ufeff")
            if number == 1 and text.startswith("["):
                text = text[1:].strip()
            if text.endswith("},") or (text.endswith("}]") and not text.startswith("[")):
                text = text[:-1]
            if text and text not in ("[", "]", ","):
                yield number, text.encode("utf-8", errors="replace").decode("utf-8")


def _laid_out(text: str) -> Iterator[Piece]:
    """The objects of a document; where one is broken, its text up to the next line that opens one at its depth."""
    text = _unwrapped(text)
    decoder = json.JSONDecoder()
    opening = re.search(r"(?m)^([ \t]*)\{", text)
    next_object = re.compile(rf"\n{opening.group(1) if opening else ''}\{{")
    place, line, counted = 0, 1, 0
    while match := re.compile(r"[^\s\[\],]").search(text, place):
        start = match.start()
        line, counted = line + text.count("\n", counted, start), start
        try:
            _, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            following = next_object.search(text, start + 1)
            end = following.start() if following else len(text)
        yield line, text[start:end].strip()
        place = end


def _told_apart(pieces: list[Piece]) -> Iterator[Piece]:
    """The same pieces, by their number in the document where several start on one line."""
    if len({line for line, _ in pieces}) == len(pieces):
        return iter(pieces)
    return ((number, text) for number, (_, text) in enumerate(pieces, 1))


def _unwrapped(text: str) -> str:
    """The list inside of a document such as `{"items": [...]}`, or the text itself."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(document, dict):
        lists = [value for value in document.values() if isinstance(value, list)]
        if len(lists) == 1 and lists[0] and all(isinstance(value, dict) for value in lists[0]):
            return json.dumps(lists[0], ensure_ascii=False, indent=1)
    return text


def _object(text: str) -> dict[str, str | None] | None:
    """An object's values as text, or None for text that is no object."""
    try:
        row = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
        if not isinstance(row, dict):
            return None
        return {_storable(name): _text(value) for name, value in row.items()}
    except (ValueError, RecursionError):
        return None


def _text(value: object) -> str | None:
    """A value as it was written; objects and lists stay JSON."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return _storable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _storable(text: str) -> str:
    """The text, or an error for halves of characters (`\\ud800`), which no file can hold."""
    text.encode("utf-8")
    return text

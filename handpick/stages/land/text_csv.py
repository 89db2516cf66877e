"""Reads CSV of any dialect: intact files with Arrow, damaged ones row by row, so that no good row is lost."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from handpick.errors import InputError
from handpick.stages.land.csv_dialect import Dialect, RowShape, detect_dialect, learn_row_shape
from handpick.stages.land.doubts import add_doubts
from handpick.stages.land.encoding import SAMPLE_BYTES, decode_file, detect_encoding
from handpick.stages.land.unparsable_rows import LINE_COLUMN, append_unparsable

MAX_QUOTED_LINES = 2_000
"""Lines that a quoted value may span before its quote counts as damage."""
EXTRA_FIELD = "_extra_field"
"""Name of the empty field after a delimiter at the end of each row; it is not kept."""
QUOTE, LINE_FEED, CARRIAGE_RETURN, BACKSLASH = b'"\n\r\\'

# The csv module refuses fields of more than 128 KiB; a long description is no damage.
csv.field_size_limit(sys.maxsize)


@dataclass(frozen=True)
class CsvLayout:
    """What is declared about a CSV file, for what would else be detected.

    Args:
        delimiter: The delimiter; empty to detect it.
        header: Names of the columns of a file without a header line; empty for one with a header line.
    """

    delimiter: str = ""
    header: tuple[str, ...] = ()


DETECTED = CsvLayout()
"""Nothing is declared."""


def read_csv(
    path: Path, encoding: str = "", hints: Collection[str] = (), layout: CsvLayout = DETECTED
) -> pa.Table:
    """Read every row as text with its line; keep rows of another width than the header whole in `_raw`.

    `_source_line` is the line in the file on which the row begins.

    Args:
        path: The file.
        encoding: Its encoding; empty to detect it.
        hints: Names of columns that the file should have.
        layout: What is declared about the file.

    Raises:
        InputError: If there is no header line.
    """
    found = detect_encoding(path, encoding, hints)
    with path.open("rb") as stream:
        head = stream.read(SAMPLE_BYTES)
        is_whole = not stream.read(1)
    sample = head.decode(found.name, errors="replace").removeprefix("\ufeff")
    has_odd_lines = "\r\r\n" in sample or ("\r" in sample and "\n" not in sample)
    sample = _unify_line_ends(sample)
    dialect = detect_dialect(sample, is_whole, layout.delimiter)
    header = _write_header(layout.header, dialect.delimiter)
    if header:
        # As if the file had the line; the numbers of the lines are put right at the end.
        sample = header + sample
        dialect = detect_dialect(sample, is_whole, dialect.delimiter)
    if not dialect.names:
        raise InputError(
            f"{path} has no header line with column names; nothing was landed tonight. Bring a file with "
            "one, or name its columns in `header` of the source."
        )
    shape = learn_row_shape(dialect, sample)
    is_plain = (
        found.is_clean
        and not has_odd_lines
        and dialect.header_line == 1
        and not dialect.has_backslashes
        and not header
    )
    text = "" if is_plain else _prepare_text(header + decode_file(path, found.name), dialect)
    rows = _read_whole(path.read_bytes() if is_plain else text.encode(), shape)
    if rows is None:
        text = text or decode_file(path, found.name).replace("\r\n", "\n").replace("\r", "\n")
        rows = _read_damaged(text, shape)
    if header:
        place = rows.column_names.index(LINE_COLUMN)
        rows = rows.set_column(place, LINE_COLUMN, pc.subtract(rows.column(LINE_COLUMN), 1))
    if EXTRA_FIELD in rows.column_names:
        rows = rows.drop_columns([EXTRA_FIELD])
    doubts = [found.doubt] if found.doubt else []
    doubts += [_describe_repeated(rows, name) for name in dialect.repeated_names]
    return add_doubts(rows, [doubt for doubt in doubts if doubt])


def _write_header(names: tuple[str, ...], delimiter: str) -> str:
    """Return the header line of declared names; empty for none."""
    line = io.StringIO()
    if names:
        csv.writer(line, delimiter=delimiter, lineterminator="\n").writerow(names)
    return line.getvalue()


def _unify_line_ends(text: str) -> str:
    """Return a text whose lines end in line feeds; carriage returns within lines stay."""
    if "\r\r\n" in text:
        text = text.replace("\r\r\n", "\r\n")
    return text.replace("\r", "\n") if "\r" in text and "\n" not in text else text


def _prepare_text(text: str, dialect: Dialect) -> str:
    r"""Return the text from the header on, with blank lines before it, in line feeds and without `\N`."""
    lines = _unify_line_ends(text).replace("\r\n", "\n")
    if dialect.has_backslashes:
        # Escaped, it would be read as the letter N.
        mark = re.escape(dialect.delimiter)
        lines = re.sub(rf"(?m)(^|(?<={mark}))\\N(?={mark}|$)", "", lines)
    cut = dialect.header_line - 1
    # Blank lines are no rows, and keep the numbers of the lines below right.
    return "\n" * cut + lines.split("\n", cut)[cut]


def _describe_repeated(rows: pa.Table, name: str) -> str:
    """Return a sentence on a column name that stands twice in the header; empty if both columns are equal."""
    other = next((each for each in rows.column_names if re.fullmatch(rf"{re.escape(name)}_\d+", each)), None)
    if other is None or rows.column(name).equals(rows.column(other)):
        return ""
    return f"has two columns {name} with different values: the first is read as {name}, the second as {other}"


def _read_whole(content: bytes, shape: RowShape) -> pa.Table | None:
    """Read the table with Arrow; return None where a stray quote may have swallowed rows."""
    dialect = shape.dialect
    if not dialect.delimiter.isascii():  # which Arrow does not take
        return None
    names = [*dialect.names, *([EXTRA_FIELD] if dialect.has_extra_field else [])]
    broken: list[tuple[int, str]] = []

    def keep(row: pa_csv.InvalidRow) -> str:
        broken.append((row.number or 0, row.text))
        return "skip"

    try:
        rows = pa_csv.read_csv(
            pa.BufferReader(content),
            # Arrow numbers invalid rows only when a single thread reads.
            read_options=pa_csv.ReadOptions(column_names=names, skip_rows_after_names=1, use_threads=False),
            parse_options=pa_csv.ParseOptions(
                delimiter=dialect.delimiter,
                double_quote=not dialect.has_backslashes,
                escape_char="\\" if dialect.has_backslashes else False,
                newlines_in_values=True,
                invalid_row_handler=keep,
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                strings_can_be_null=True,
                # A quoted empty string is a value; an unquoted one is null.
                quoted_strings_can_be_null=False,
                null_values=[""],
                check_utf8=False,
            ),
        )
    except pa.ArrowException:
        return None
    # An invalid row over several lines: a stray quote has swallowed good rows after it.
    if any("\n" in text for _, text in broken):
        return None
    # Rows without the extra field are good rows that Arrow takes for broken ones.
    if dialect.has_extra_field and (broken or rows.column(EXTRA_FIELD).null_count < rows.num_rows):
        return None
    if any(_has_swallowed(column, shape) for column in rows.columns):
        return None
    lines = _find_lines(content, rows.num_rows + len(broken), dialect.has_backslashes)
    if lines is None:
        return None
    is_good = np.ones(len(lines), np.bool_)
    is_good[[number - 2 for number, _ in broken]] = False
    rows = rows.append_column(LINE_COLUMN, pa.array(lines[is_good], pa.int64()))
    return append_unparsable(
        rows, [(int(lines[number - 2]), text) for number, text in broken if text.strip()]
    )


def _has_swallowed(column: pa.ChunkedArray, shape: RowShape) -> bool:
    """Return whether a value holds a line that looks like a whole row, as after an unclosed quote."""
    multiline = column.filter(pc.match_substring(column, "\n"))
    delimiter, width = shape.dialect.delimiter, shape.dialect.width
    return any(
        line.count(delimiter) >= max(2, width - 1) and shape.fits(line.rstrip("\r"))
        for value in multiline.to_pylist()
        for line in value.split("\n")
    )


def _find_lines(content: bytes, count: int, has_backslashes: bool) -> npt.NDArray[np.int64] | None:
    """Return the lines on which the rows below the header begin; None if quotes do not tell.

    Args:
        content: The file.
        count: Number of rows below the header.
        has_backslashes: Whether quotes are escaped by backslashes.
    """
    breaks_in_all = content.count(b"\n") + (not content.endswith(b"\n"))
    if breaks_in_all == count + 1 and not content.startswith((b"\n", b"\r\n")):
        return np.arange(2, count + 2, dtype=np.int64)
    octets = np.frombuffer(content, np.uint8)
    breaks = np.flatnonzero(octets == LINE_FEED)
    quotes = np.flatnonzero(octets == QUOTE)
    if has_backslashes and len(quotes):
        quotes = quotes[octets[quotes - 1] != BACKSLASH]
    # A line break after an odd number of quotes is within a value.
    ends = np.append(np.flatnonzero(np.searchsorted(quotes, breaks) % 2 == 0), len(breaks))
    places = np.append(breaks, len(octets))
    starts = np.concatenate([[0], places[ends[:-1]] + 1]).astype(np.int64)
    lengths = places[ends] - starts
    is_return = octets[np.minimum(starts, len(octets) - 1)] == CARRIAGE_RETURN
    is_blank = (lengths <= 0) | ((lengths == 1) & is_return)
    lines = np.concatenate([[1], ends[:-1] + 2]).astype(np.int64)[~is_blank]
    return lines[1:] if len(lines) == count + 1 else None


def _read_damaged(text: str, shape: RowShape) -> pa.Table:
    """Read the table row by row, so that damage costs only the rows that hold it."""
    names = shape.dialect.names
    good: list[list[str]] = []
    lines: list[int] = []
    broken: list[tuple[int, str]] = []
    for number, row, line in iterate_csv_rows(text, shape):
        if row is None:
            broken.append((number, line))
        else:
            good.append(row)
            lines.append(number)
    columns = [pa.array([row[index] or None for row in good], pa.string()) for index in range(len(names))]
    table = pa.table(columns, names=list(names))
    return append_unparsable(table.append_column(LINE_COLUMN, pa.array(lines, pa.int64())), broken)


def iterate_csv_rows(text: str, shape: RowShape) -> Iterator[tuple[int, list[str] | None, str]]:
    """Yield each row below the header as (line, values, text).

    A quote that is never closed, or is closed only after lines that are whole rows themselves, is damage: its
    line alone counts as unparsable, and reading continues with the next line.

    Args:
        text: The whole file, with line feeds.
        shape: What rows look like.

    Yields:
        The line number, the values (None where the text is not a row of that width), and the text of the
        first line.
    """
    lines = text.split("\n")
    place = shape.dialect.header_line
    while place < len(lines):
        line = lines[place]
        if not line.strip():
            place += 1
            continue
        row, taken = shape.dialect.parse_row(line), 1
        # An odd number of quotes: the row may continue on the next line.
        if row is None and line.count('"') % 2:
            row, taken = _join_lines(lines, place, shape)
        yield place + 1, row, line
        place += taken


def _join_lines(lines: list[str], place: int, shape: RowShape) -> tuple[list[str] | None, int]:
    """Join the lines of a multi-line row; return the row and its number of lines, or (None, 1) for damage."""
    parts = [lines[place]]
    for line in lines[place + 1 : place + MAX_QUOTED_LINES]:
        if shape.fits(line):
            return None, 1
        parts.append(line)
        if line.count('"') % 2:
            row = shape.dialect.parse_row("\n".join(parts))
            if row is not None:
                return row, len(parts)
            if not shape.dialect.has_backslashes:
                return None, 1
    return None, 1

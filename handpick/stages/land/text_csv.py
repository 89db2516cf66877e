"""Reads CSV of any dialect: intact files with Arrow, damaged ones row by row, so that no good row is lost."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from handpick.errors import InputError
from handpick.stages.land.encoding import SAMPLE_BYTES, decode_file, detect_encoding
from handpick.stages.land.unparsable_rows import LINE_COLUMN, append_unparsable

DELIMITERS = ",;\t|"
MAX_QUOTED_LINES = 2_000
"""Lines that a quoted value may span before its quote counts as damage."""


def read_csv(path: Path) -> pa.Table:
    """Read every row as text with its line; keep rows of another width than the header whole in `_raw`.

    `_source_line` counts rows, the header being 1; where values hold line breaks, it is less than the line in
    the file.

    Raises:
        InputError: If there is no header line.
    """
    encoding, is_clean = detect_encoding(path)
    with path.open("rb") as stream:
        sample = stream.read(SAMPLE_BYTES).decode(encoding, errors="replace").removeprefix("\ufeff")
    delimiter, names = detect_header(sample)
    if not names:
        raise InputError(
            f"{path} has no header line with column names; nothing was landed tonight. Bring a file with one."
        )
    source = path if is_clean else pa.BufferReader(decode_file(path, encoding).encode())
    rows = _read_whole(source, delimiter, names)
    return _read_damaged(decode_file(path, encoding), delimiter, names) if rows is None else rows


def detect_header(sample: str) -> tuple[str, list[str]]:
    """Detect the delimiter and the column names; no names if the first line cannot be a header."""
    first = sample.split("\n", 1)[0].rstrip("\r")
    counts = {delimiter: first.count(delimiter) for delimiter in DELIMITERS}
    delimiter = max(counts, key=lambda mark: counts[mark])
    try:
        names = [name.strip() for name in next(csv.reader([first], delimiter=delimiter), [])]
    except csv.Error:
        return delimiter, []
    is_header = len(names) > 1 and "\x00" not in first and any(names)
    return delimiter, _make_distinct(names) if is_header else []


def _make_distinct(names: list[str]) -> list[str]:
    """Make column names distinct by a number; an empty name becomes `column_<number>`."""
    seen: dict[str, int] = {}
    result = []
    for number, name in enumerate(names, 1):
        shown = name or f"column_{number}"
        seen[shown] = seen.get(shown, 0) + 1
        result.append(shown if seen[shown] == 1 else f"{shown}_{seen[shown]}")
    return result


def _read_whole(source: Path | pa.BufferReader, delimiter: str, names: list[str]) -> pa.Table | None:
    """Read the table with Arrow; return None where a stray quote may have swallowed rows."""
    broken: list[tuple[int, str]] = []

    def keep(row: pa_csv.InvalidRow) -> str:
        broken.append((row.number or 0, row.text))
        return "skip"

    try:
        rows = pa_csv.read_csv(
            source,
            # Arrow numbers invalid rows only when a single thread reads.
            read_options=pa_csv.ReadOptions(column_names=names, skip_rows_after_names=1, use_threads=False),
            parse_options=pa_csv.ParseOptions(
                delimiter=delimiter, newlines_in_values=True, invalid_row_handler=keep
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
    if any(_has_swallowed(column, delimiter, len(names)) for column in rows.columns):
        return None
    lines = _number_rows(rows.num_rows, {number for number, _ in broken})
    return append_unparsable(rows.append_column(LINE_COLUMN, lines), broken)


def _has_swallowed(column: pa.ChunkedArray, delimiter: str, width: int) -> bool:
    """Return whether a value holds a line that looks like a whole row, as after an unclosed quote."""
    multiline = column.filter(pc.match_substring(column, "\n"))
    return any(
        line.count(delimiter) >= max(2, width - 1)
        for value in multiline.to_pylist()
        for line in value.split("\n")
    )


def _number_rows(count: int, gaps: set[int]) -> pa.Array:
    """Return the numbers of the good rows, the header being row 1, without those of unparsable rows."""
    if not gaps:
        return pa.array(range(2, count + 2), pa.int64())
    numbers = (number for number in range(2, count + len(gaps) + 2) if number not in gaps)
    return pa.array([number for number, _ in zip(numbers, range(count), strict=False)], pa.int64())


def _read_damaged(text: str, delimiter: str, names: list[str]) -> pa.Table:
    """Read the table row by row, so that damage costs only the rows that hold it."""
    good: list[list[str]] = []
    lines: list[int] = []
    broken: list[tuple[int, str]] = []
    for number, row, line in iterate_csv_rows(text, delimiter, len(names)):
        if row is None:
            broken.append((number, line))
        else:
            good.append(row)
            lines.append(number)
    columns = [pa.array([row[index] or None for row in good], pa.string()) for index in range(len(names))]
    table = pa.table(columns, names=names)
    return append_unparsable(table.append_column(LINE_COLUMN, pa.array(lines, pa.int64())), broken)


def iterate_csv_rows(text: str, delimiter: str, width: int) -> Iterator[tuple[int, list[str] | None, str]]:
    """Yield each row below the header as (line, values, text).

    A quote that is never closed, or is closed only after lines that are whole rows themselves, is damage: its
    line alone counts as unparsable, and reading continues with the next line.

    Args:
        text: The whole file.
        delimiter: The delimiter.
        width: Number of columns.

    Yields:
        The line number, the values (None where the text is not a row of that width), and the text of the
        first line.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    place = 1
    while place < len(lines):
        line = lines[place]
        if not line.strip():
            place += 1
            continue
        row, taken = _parse_row(line, delimiter, width), 1
        # An odd number of quotes: the row may continue on the next line.
        if row is None and line.count('"') % 2:
            row, taken = _join_lines(lines, place, delimiter, width)
        yield place + 1, row, line
        place += taken


def _join_lines(lines: list[str], place: int, delimiter: str, width: int) -> tuple[list[str] | None, int]:
    """Join the lines of a multi-line row; return the row and its number of lines, or (None, 1) for damage."""
    parts = [lines[place]]
    for line in lines[place + 1 : place + MAX_QUOTED_LINES]:
        if _parse_row(line, delimiter, width) is not None:
            return None, 1
        parts.append(line)
        if line.count('"') % 2:
            row = _parse_row("\n".join(parts), delimiter, width)
            return (row, len(parts)) if row is not None else (None, 1)
    return None, 1


def _parse_row(text: str, delimiter: str, width: int) -> list[str] | None:
    """Parse the text of one row; return None if it is not one row of that width."""
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 and len(rows[0]) == width else None

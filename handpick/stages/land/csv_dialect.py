"""Detects the dialect of a CSV file from its first rows: delimiter, header, escapes, extra fields."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from handpick.stages.land.unparsable_rows import LINE_COLUMN, RAW_COLUMN

DELIMITERS = ",;\t|\x01^~"
PROBED_ROWS = 200
MAX_PREAMBLE_LINES = 20
MIN_ALIKE = 0.75
"""Share of the values of a column that must have one shape for it to tell rows from text."""
SEPARATOR_LINE = re.compile(r"""\s*"?sep=(.|\\t)"?\s*""", re.IGNORECASE)
"""A first line that names the delimiter, as spreadsheets write and read it."""
PLAIN_FIELD = re.compile(r"[^\W\d_]+")
DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class Dialect:
    r"""How the rows of a CSV file are written.

    Args:
        delimiter: The delimiter.
        names: Distinct column names; empty where there is no header line.
        header_line: Line of the header, counted from 1.
        has_backslashes: Whether a quote within a quoted value is written `\"`, and not `""`.
        has_extra_field: Whether rows end with a delimiter that the header does not have.
        repeated_names: Names that the header has more than once.
    """

    delimiter: str
    names: tuple[str, ...]
    header_line: int = 1
    has_backslashes: bool = False
    has_extra_field: bool = False
    repeated_names: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """The number of fields of a row."""
        return len(self.names) + self.has_extra_field

    def parse_row(self, text: str) -> list[str] | None:
        """Parse the text of one row; return None if it is not one row with a value per column."""
        rows = parse_rows(text, self.delimiter, self.has_backslashes)
        if rows is None or len(rows) != 1:
            return None
        row = rows[0]
        if self.has_extra_field and len(row) == self.width and not row[-1]:
            row = row[:-1]
        return row if len(row) == len(self.names) else None


@dataclass(frozen=True)
class RowShape:
    """What the values of a row look like in columns that always look alike, such as ids and times.

    Args:
        dialect: The dialect.
        shapes: Shape of the values by place, for columns with one shape.
    """

    dialect: Dialect
    shapes: dict[int, str]

    def fits(self, line: str) -> bool:
        """Return whether a line looks like a whole row of the table, and not like text with delimiters."""
        row = self.dialect.parse_row(line)
        if row is None:
            return False
        given = [(row[place].strip(), shape) for place, shape in self.shapes.items() if row[place].strip()]
        return all(_shape_of(value) == shape for value, shape in given) and (bool(given) or not self.shapes)


def detect_dialect(sample: str, is_whole: bool = True, delimiter: str = "") -> Dialect:
    """Detect the dialect of a file from the text of its first rows, whose line ends are line feeds.

    Args:
        sample: The text.
        is_whole: Whether the sample ends where the file does.
        delimiter: The delimiter, if it is declared.
    """
    lines = sample.split("\n")
    if not is_whole and len(lines) > 1:
        lines.pop()
    skipped = 0
    declared = SEPARATOR_LINE.fullmatch(lines[0])
    if declared:
        skipped = 1
    marks = declared.group(1).replace("\\t", "\t") if declared else delimiter or DELIMITERS
    body = lines[skipped:]
    while body and not body[0].strip():
        body, skipped = body[1:], skipped + 1
    if not body:
        return Dialect(marks[0], ())
    first = body[0].rstrip("\r")
    delimiter = max(marks, key=lambda mark: _score_delimiter(mark, body, first))
    widths = _measure_rows(body[: PROBED_ROWS * 4], delimiter)
    modal = Counter(width for width in widths[1:] if width > 1).most_common(1)
    width = modal[0][0] if modal else 0
    # A title above the header has fewer fields than it: the header is the first row as wide as the others.
    if not declared and width > 1 and widths[0] < 2:
        above = list(
            takewhile(
                lambda row: _measure_rows(row.split("\n"), delimiter) not in ([width], [max(width - 1, 2)]),
                _split_records(body),
            )
        )
        count = sum(row.count("\n") + 1 for row in above)
        if len(above) <= MAX_PREAMBLE_LINES and count < len(body):
            body, skipped = body[count:], skipped + count
            first = body[0].rstrip("\r")
    return _read_header(delimiter, body, first, width, skipped)


def _read_header(delimiter: str, body: list[str], first: str, width: int, skipped: int) -> Dialect:
    """Return the dialect of a file whose header is the first line of its body."""
    header = parse_rows(first, delimiter, False)
    if header is None and first.count('"') % 2:  # a column name with a line break in it
        header = parse_rows("\n".join(_split_records(body)[:1]), delimiter, False)
    names = [name.strip().strip("\ufeff") for name in (header or [[]])[0]]
    if len(names) < 2 or "\x00" in first or not any(names):
        return Dialect(delimiter, (), skipped + 1)
    if names[-1] == "" and width == len(names) - 1:
        names.pop()
    has_extra = width == len(names) + 1 and _ends_in_delimiter(body[1:], delimiter, width)
    distinct = make_distinct(names)
    repeated = [name for name, count in Counter(names).items() if name and count > 1]
    has_backslashes = _has_backslashes(body, delimiter, len(names) + has_extra)
    return Dialect(delimiter, distinct, skipped + 1, has_backslashes, has_extra, tuple(repeated))


def learn_row_shape(dialect: Dialect, sample: str) -> RowShape:
    """Learn from single-line rows which columns have values of one shape."""
    rows = [row for line in sample.split("\n")[dialect.header_line :][: PROBED_ROWS * 4]
            if (row := dialect.parse_row(line.rstrip("\r"))) is not None]  # fmt: skip
    shapes: dict[int, str] = {}
    for place in range(len(dialect.names)):
        found = Counter(_shape_of(row[place].strip()) for row in rows if row[place].strip())
        if not found:
            continue
        shape, count = found.most_common(1)[0]
        # Words alone have the shape of any text.
        if count >= MIN_ALIKE * sum(found.values()) and any(char.isdigit() for char in shape):
            shapes[place] = shape
    return RowShape(dialect, shapes)


def parse_rows(text: str, delimiter: str, has_backslashes: bool) -> list[list[str]] | None:
    """Parse text strictly; return None for text with a quote that is out of place."""
    try:
        return list(
            csv.reader(
                io.StringIO(text, newline=""),
                delimiter=delimiter,
                strict=True,
                doublequote=not has_backslashes,
                escapechar="\\" if has_backslashes else None,
            )
        )
    except csv.Error:
        return None


def _shape_of(value: str) -> str:
    """Return a value with each run of letters as `a` and each run of digits as `9`."""
    return DIGITS.sub("9", PLAIN_FIELD.sub("a", value))


def _score_delimiter(mark: str, body: Sequence[str], first: str) -> tuple[float, int]:
    """Return how well a delimiter splits rows as it does the header, and the width."""
    header = parse_rows(first, mark, False)
    width = len(header[0]) if header else first.count(mark) + 1
    widths = _measure_rows(body[:PROBED_ROWS], mark)[1:]
    modal = Counter(found for found in widths if found > 1).most_common(1)
    if width < 2 and not modal:
        return 0.0, 0
    if not widths:
        return float(width > 1), width
    alike = sum(abs(found - width) <= 1 for found in widths) / len(widths) if width > 1 else 0.0
    among = modal[0][1] / len(widths) if modal else 0.0
    # A header counts for more than rows, which may be damaged; without one the rows alone decide.
    return round((width > 1) + alike + 0.5 * among, 1), max(width, modal[0][0] if modal and width < 2 else 0)


def _measure_rows(lines: Sequence[str], delimiter: str) -> list[int]:
    """Return the number of fields of each row, read leniently; blank lines are no rows."""
    found: list[int] = []
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter)
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return found
        except csv.Error:
            found.append(0)
            continue
        if row:
            found.append(len(row))


def _split_records(lines: Sequence[str]) -> list[str]:
    """Return the texts of the first records, each with its inner line breaks."""
    records: list[str] = []
    parts: list[str] = []
    for line in lines[: PROBED_ROWS * 4]:
        parts.append(line)
        if "\n".join(parts).count('"') % 2 == 0:
            records.append("\n".join(parts))
            parts = []
    return records


def _ends_in_delimiter(lines: Sequence[str], delimiter: str, width: int) -> bool:
    """Return whether all rows of the given width end in a delimiter, with nothing behind it."""
    parsed = [parse_rows(line.rstrip("\r"), delimiter, False) for line in lines[:PROBED_ROWS]]
    rows = [found[0] for found in parsed if found and len(found[0]) == width]
    return bool(rows) and not any(row[-1] for row in rows)


def _has_backslashes(body: Sequence[str], delimiter: str, width: int) -> bool:
    """Return whether more rows can be read with backslashes before quotes than with doubled quotes."""
    lines = [line.rstrip("\r") for line in body if '\\"' in line][:PROBED_ROWS]
    counts = []
    for has_backslashes in (False, True):
        parsed = (parse_rows(line, delimiter, has_backslashes) for line in lines)
        counts.append(sum(rows is not None and len(rows) == 1 and len(rows[0]) == width for rows in parsed))
    if counts[1] != counts[0]:
        return counts[1] > counts[0]
    # Values without quotes around them: nothing doubles a quote, so the backslashes belong to the quotes.
    return bool(lines) and counts[1] > 0 and not any(re.search(r'(?<!\\)"', line) for line in lines)


def make_distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Make names distinct, also from those that readers add; an empty one becomes `column_<number>`."""
    taken = set(names)
    seen: set[str] = {RAW_COLUMN, LINE_COLUMN}
    result = []
    for number, name in enumerate(names, 1):
        shown = name or f"column_{number}"
        count = 2
        while shown in seen or (shown != name and shown in taken):
            shown = f"{name or f'column_{number}'}_{count}"
            count += 1
        seen.add(shown)
        result.append(shown)
    return tuple(result)

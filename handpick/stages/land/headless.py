"""Recognizes CSV files without a header line, and names their columns by their values."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from handpick.stages.land.mapping_inference import CONTRACT_VALUES
from handpick.stages.land.time_inference import infer_times
from handpick.stages.land.unparsable_rows import LINE_COLUMN, RAW_COLUMN

EVENT_TYPES = frozenset(("impression", "view", "cart", "purchase", "return", "rating"))
NUMBER = r"^[+-]?\d+(?:[.,]\d+)?$"
MIN_ALIKE = 0.95
"""Share of the values below the first row that must be numbers for its own number to be no header."""
MAX_RATING, MAX_RATINGS = 10, 21
MIN_NUMBERS = 2
"""Columns of numbers that tell a first row of values from a header such as `Model, 2024`."""


def has_no_header(rows: pa.Table) -> bool:
    """Return whether the names of a table's columns are values like those below.

    So it is where every column of numbers has a number for a name, and there are several.
    """
    names = _list_columns(rows)
    if rows.num_rows < MIN_NUMBERS:
        return False
    numeric = [name for name in names if _share_of_numbers(rows.column(name)) >= MIN_ALIKE]
    # Repeated names get a number behind them: `1` and `1_2`.
    return len(numeric) >= MIN_NUMBERS and all(
        re.match(NUMBER, re.sub(r"_\d+$", "", name.strip())) for name in numeric
    )


def name_columns(rows: pa.Table) -> tuple[str, ...]:
    """Name the columns of a table without a header by their values; what cannot be told is `column_<n>`.

    Args:
        rows: All rows, under whatever names.
    """
    names = [f"column_{number}" for number in range(1, len(_list_columns(rows)) + 1)]
    columns = [_list_given(rows.column(name)) for name in _list_columns(rows)]
    free = list(range(len(names)))

    def give(name: str, places: Sequence[int]) -> None:
        if places:
            names[places[0]] = name
            free.remove(places[0])

    give("event_type", [at for at in free if _are_event_types(columns[at])])
    times = [at for at in free if (found := infer_times(columns[at], "timestamp")).share and found.has_clock]
    give("timestamp", times or [at for at in free if _are_epochs(columns[at])])
    if "event_type" not in names:
        # Behind the ids, which may be few small numbers too.
        give("rating", [at for at in reversed(free) if _are_ratings(columns[at])])
    is_log = any(name in names for name in ("timestamp", "event_type", "rating"))
    whole = [at for at in free if pc.all(pc.match_substring_regex(columns[at], r"^\w+$")).as_py()]
    if is_log:
        give("user_id", whole[:1])
        give("item_id", whole[1:2])
        return tuple(names)
    count = rows.num_rows
    give("item_id", [at for at in whole if pc.count_distinct(columns[at]).as_py() == count])
    texts = [at for at in free if _share_of_numbers(columns[at]) < 1 - MIN_ALIKE]
    give("title", sorted(texts, key=lambda at: -pc.count_distinct(columns[at]).as_py()))
    give("price", [at for at in free if _share_of_numbers(columns[at]) >= MIN_ALIKE])
    return tuple(names)


def _list_columns(rows: pa.Table) -> list[str]:
    """Return the file's columns, without those that readers add."""
    return [name for name in rows.column_names if name not in (LINE_COLUMN, RAW_COLUMN)]


def _list_given(column: pa.ChunkedArray) -> pa.Array:
    """Return the distinct, non-empty values of a column."""
    values = pc.unique(pc.utf8_trim_whitespace(column.drop_null()))
    return values.filter(pc.not_equal(values, ""))


def _share_of_numbers(column: pa.Array) -> float:
    """Return the share of a column's values that are numbers; 0 for none."""
    share = pc.mean(pc.match_substring_regex(column, NUMBER).cast(pa.float64())).as_py()
    return float(share or 0.0)


def _are_event_types(values: pa.Array) -> bool:
    """Return whether all of a few words name kinds of events."""
    words = [text.lower() for text in values[: len(EVENT_TYPES) * 4].to_pylist()]
    known = [word in EVENT_TYPES or CONTRACT_VALUES.get(word) in EVENT_TYPES for word in words]
    return bool(known) and len(values) <= len(EVENT_TYPES) * 4 and all(known)


def _are_epochs(values: pa.Array) -> bool:
    """Return whether values are seconds or smaller units since 1970, of this century."""
    return len(values) > 0 and bool(pc.all(pc.match_substring_regex(values, r"^1\d{9}(\d{3}){0,3}$")).as_py())


def _are_ratings(values: pa.Array) -> bool:
    """Return whether values are a few small numbers, as ratings are."""
    if not len(values) or len(values) > MAX_RATINGS or _share_of_numbers(values) < 1:
        return False
    numbers = [float(text.replace(",", ".")) for text in values.to_pylist()]
    return len(values) > 1 and min(numbers) >= 0 and max(numbers) <= MAX_RATING

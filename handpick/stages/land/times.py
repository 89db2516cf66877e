"""Reads dates and times of any form into ISO 8601; a text that does not fit wholly stays unchanged."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from handpick.errors import ConfigurationError
from handpick.stages.land.dates_in_text import find_first_day
from handpick.stages.land.month_names import find_month
from handpick.stages.land.regex_groups import get_group, match_groups

EPOCH_UNITS = {"epoch_s": 1, "epoch_ms": 1_000, "epoch_us": 1_000_000, "epoch_ns": 1_000_000_000}
"""Units per second of each epoch form."""
EXCEL = "excel"
"""Form of a spreadsheet's serial days, counted from 30 December 1899."""
TEXT = "text"
"""Form of free texts: the first day, month, quarter or year that they state, for dates only."""
EXCEL_EPOCH_DAYS = 25_569
"""1 January 1970 as a serial day."""

OFFSET = r"[+-]\d{2}(?::?\d{2})?"
ZONE = rf"Z|z|UTC|GMT|{OFFSET}"
ISO_PATTERN = (
    r"^(?P<Y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})"
    r"(?:[T ]+(?P<H>\d{1,2}):(?P<M>\d{2})(?::(?P<S>\d{2})(?:[.,](?P<f>\d{1,9}))?)?"
    rf"\s*(?:(?P<z>{ZONE})(?:\[[\w/+-]+\])?)?)?$"
)
PLAIN_UTC = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})?$"
PLAIN_ZONED = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})$"

SPACE = r"[\s\x{00a0}\x{202f}]"
DIRECTIVES = {
    "Y": r"\d{4}", "y": r"\d{2}", "m": r"\d{1,2}", "d": r"\d{1,2}", "e": r"\d{1,2}", "H": r"\d{1,2}",
    "I": r"\d{1,2}", "M": r"\d{1,2}", "S": r"\d{1,2}", "f": r"\d{1,9}", "p": r"[AaPp]\.?\s?[Mm]\.?",
    "b": r"[\pL\pM]+\.?", "B": r"[\pL\pM]+\.?", "h": r"[\pL\pM]+\.?", "a": r"[\pL\pM]+\.?",
    "A": r"[\pL\pM]+\.?", "z": ZONE, "Z": r"Z|UTC|GMT", "j": r"\d{1,3}",
}  # fmt: skip
"""Regular expression of each code of a time pattern."""
SHORTHANDS = {"%F": "%Y-%m-%d", "%T": "%H:%M:%S", "%R": "%H:%M", "%D": "%m/%d/%y", "%h": "%b", "%B": "%b",
              "%A": "%a", "%e": "%d", "%Z": "%z"}  # fmt: skip


@dataclass(frozen=True)
class _Pattern:
    """A compiled time pattern: its expression with a named group per code, and the codes."""

    expression: str
    codes: frozenset[str]


@lru_cache(maxsize=4096)
def compile_pattern(written: str) -> _Pattern:
    """Compile a time pattern such as `%d.%m.%Y %H:%M`.

    A fraction after the seconds may be missing. Codes next to each other have their full width.

    Raises:
        ConfigurationError: If the pattern has an unknown code, the same code twice, or no year.
    """
    for short, full in SHORTHANDS.items():
        written = written.replace(short, full)
    parts = re.findall(r"%.|\s+|[^%\s]|%$", written)
    expression, codes = "", set()
    for place, part in enumerate(parts):
        if not part.startswith("%"):
            expression += f"{SPACE}+" if part.isspace() else re.escape(part)
            continue
        code = part[1:]
        if code == "%":
            expression += "%"
            continue
        if code not in DIRECTIVES or code in codes:
            known = ", ".join(f"%{each}" for each in DIRECTIVES)
            raise ConfigurationError(
                f"the time pattern {written!r} cannot be read at {part!r}: each code may stand once, and "
                f"known are {known}"
            )
        codes.add(code)
        neighbours = parts[place - 1 : place] + parts[place + 1 : place + 2]
        form = DIRECTIVES[code]
        if form == r"\d{1,2}" and any(re.fullmatch(r"%[YymdHIMSj]", each) for each in neighbours):
            form = r"\d{2}"
        group = "?:" if code == "a" else f"?P<{code}>"
        if code == "f" and expression.endswith((r"\.", ",")):
            cut = 2 if expression.endswith(r"\.") else 1
            expression = f"{expression[:-cut]}(?:[.,]({group}{form}))?"
        else:
            expression += f"({group}{form})"
    if not codes & {"Y", "y"}:
        raise ConfigurationError(f"the time pattern {written!r} has no year (%Y or %y)")
    return _Pattern(f"^{expression}$", frozenset(codes))


def read_times(
    column: pa.ChunkedArray, written: str | tuple[str, ...], declared: str, timezone: str
) -> pa.ChunkedArray:
    """Rewrite times in ISO form and UTC.

    Args:
        column: `(rows,)` texts.
        written: The form, or several that are tried in their order; empty for ISO 8601 alone. ISO is always
            understood too.
        declared: `date` or `timestamp`.
        timezone: Zone of times that do not state one.

    Returns:
        `(rows,)` texts; those that no form fits are unchanged.
    """
    forms = [form for form in ([written] if isinstance(written, str) else written) if form]
    text = pc.utf8_trim_whitespace(column)
    if not forms and _is_iso_already(text, declared, timezone):
        return column
    found = pa.chunked_array([pa.nulls(len(column), pa.string())])
    for form in [*forms, ""]:
        if form == "" and found.null_count == column.null_count:
            break
        found = pc.coalesce(found, parse_times(text, form, declared, timezone))
    return pc.coalesce(found, column)


def _is_iso_already(text: pa.ChunkedArray, declared: str, timezone: str) -> bool:
    """Return whether all texts are times that validation reads as they are meant."""
    if declared == "date":
        return True
    form = PLAIN_UTC if timezone == "UTC" else PLAIN_ZONED
    matched = pc.all(pc.match_substring_regex(text, form)).as_py()
    return matched is not False


def parse_times(text: pa.ChunkedArray, form: str, declared: str, timezone: str = "UTC") -> pa.ChunkedArray:
    """Return trimmed texts of one form in ISO form; null for texts that the form does not fit wholly."""
    if form == TEXT:
        return _read_days_in_text(text, declared)
    if form in EPOCH_UNITS or form == EXCEL:
        times, is_local = _parse_counts(text, form), pa.scalar(form == EXCEL)
        is_local = pa.repeat(is_local, len(text))
        only_day = pa.repeat(pa.scalar(False), len(text))
    else:
        pattern = compile_pattern(form) if form else _Pattern(ISO_PATTERN, frozenset("YmdHMSfz"))
        times, is_local, only_day = _parse_pattern(text, pattern)
    if declared == "date":
        if form in EPOCH_UNITS and timezone != "UTC":
            times = _shift_to_local(times, timezone)
        return pc.strftime(times, format="%Y-%m-%d")
    if timezone != "UTC":
        # A bare date stays the day that it names.
        is_shifted = pc.and_(is_local, pc.invert(only_day))
        times = pc.if_else(is_shifted, _shift_to_utc(times, timezone), times)
    return pc.strftime(times, format="%Y-%m-%dT%H:%M:%SZ")


def _read_days_in_text(text: pa.ChunkedArray, declared: str) -> pa.ChunkedArray:
    """Return the first days that texts state; null for all if moments are wanted, which texts lack."""
    encoded = text.combine_chunks().dictionary_encode()
    days = [
        find_first_day(value) if value is not None and declared == "date" else None
        for value in encoded.dictionary.to_pylist()
    ]
    return pa.chunked_array([pc.take(pa.array(days, pa.string()), encoded.indices)])


def _parse_counts(text: pa.ChunkedArray, form: str) -> pa.ChunkedArray:
    """Return the moments that counts of seconds, of smaller units or of a spreadsheet's days name."""
    is_count = pc.match_substring_regex(text, r"^-?\d{1,19}(\.\d+)?$")
    counts = pc.if_else(is_count, text, pa.scalar(None, pa.string())).cast(pa.float64())
    if form == EXCEL:
        # To the millisecond: a day's fraction has not more digits than that in a spreadsheet.
        micros = pc.multiply(pc.round(pc.multiply(pc.subtract(counts, EXCEL_EPOCH_DAYS), 86_400_000)), 1000)
    else:
        micros = pc.floor(pc.multiply(counts, 1_000_000 / EPOCH_UNITS[form]))
    # Years beyond 9999 cannot be written in ISO form.
    micros = pc.if_else(pc.less(pc.abs(micros), 2.5e17), micros, pa.scalar(None, pa.float64()))
    return micros.cast(pa.int64(), safe=False).cast(pa.timestamp("us"))


def _parse_pattern(
    text: pa.ChunkedArray, pattern: _Pattern
) -> tuple[pa.ChunkedArray, pa.ChunkedArray, pa.ChunkedArray]:
    """Return moments, whether each is local time, and whether each is a bare date."""
    groups = match_groups(text, pattern.expression)
    codes = pattern.codes

    def part(code: str) -> pa.Array:
        found = get_group(groups, code)
        return pc.if_else(pc.equal(found, ""), pa.scalar(None, pa.string()), found)

    def number(code: str, default: int) -> pa.Array:
        if code not in codes:
            return pc.if_else(pc.is_valid(groups), pa.scalar(default), pa.scalar(None, pa.int64()))
        return pc.if_else(pc.is_valid(groups), pc.fill_null(part(code).cast(pa.int64()), default), None)

    year = number("Y", 0) if "Y" in codes else _complete_year(number("y", 0))
    month = _read_months(part("b")) if "b" in codes else number("m", 1)
    day, hour = number("d", 1), number("H", 0)
    if "j" in codes:
        month, day = _split_day_of_year(year, number("j", 1))
    if "I" in codes:
        hour = number("I", 12)
        after = (
            pc.fill_null(pc.match_substring_regex(part("p"), r"^[Pp]"), False)
            if "p" in codes
            else pa.scalar(False)
        )
        is_clock = pc.and_(pc.greater_equal(hour, 1), pc.less_equal(hour, 12))
        hour = pc.add(pc.if_else(pc.equal(hour, 12), 0, hour), pc.if_else(after, 12, 0))
        hour = pc.if_else(is_clock, hour, pa.scalar(None, pa.int64()))
    times = _assemble(year, month, day, hour, number("M", 0), number("S", 0))
    if "f" in codes:
        micros = pc.utf8_slice_codeunits(pc.utf8_rpad(pc.fill_null(part("f"), "0"), 6, "0"), 0, 6)
        times = pc.add(times, micros.cast(pa.int64()).cast(pa.duration("us")))
    has_zone = pa.array([False] * len(text), pa.bool_())
    if "z" in codes:
        zones = part("z")
        has_zone = pc.is_valid(zones)
        times = pc.subtract(times, _read_offsets(zones))
    clocks = pc.is_valid(part("H")) if "H" in codes else pa.repeat(pa.scalar("I" in codes), len(text))
    return (
        pa.chunked_array([times]),
        pa.chunked_array([pc.invert(has_zone)]),
        pa.chunked_array([pc.invert(clocks)]),
    )


def _assemble(*parts: pa.Array) -> pa.Array:
    """Return the moments of years, months, days, hours, minutes and seconds; null for days that are none."""
    texts = [
        pc.utf8_lpad(part.cast(pa.string()), 4 if place == 0 else 2, "0") for place, part in enumerate(parts)
    ]
    date = pc.binary_join_element_wise(*texts[:3], "-")
    clock = pc.binary_join_element_wise(*texts[3:], ":")
    times = pc.strptime(
        pc.binary_join_element_wise(date, clock, " "),
        format="%Y-%m-%d %H:%M:%S",
        unit="us",
        error_is_null=True,
    )
    # strptime reads 30 February as 2 March, and 24:00 or second 60 as a later moment.
    is_same = pc.and_(
        pc.equal(pc.day(times).cast(pa.int64()), parts[2]),
        pc.equal(pc.second(times).cast(pa.int64()), parts[5]),
    )
    is_same = pc.and_(is_same, pc.equal(pc.hour(times).cast(pa.int64()), parts[3]))
    return pc.if_else(is_same, times, pa.scalar(None, pa.timestamp("us")))


def _complete_year(short: pa.Array) -> pa.Array:
    """Return the years of two digits: 00 to 69 are of this century, as in POSIX."""
    return pc.add(short, pc.if_else(pc.less(short, 70), 2000, 1900))


def _read_months(names: pa.Array) -> pa.Array:
    """Return the numbers of months that are named in any of the known languages."""
    encoded = names.dictionary_encode()
    numbers = pa.array([find_month(name) for name in encoded.dictionary.to_pylist()], pa.int64())
    return pc.take(numbers, encoded.indices)


def _split_day_of_year(year: pa.Array, day: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return month and day of days of the year; null for day 0 and days after the last."""
    first = pc.strptime(pc.binary_join_element_wise(pc.utf8_lpad(year.cast(pa.string()), 4, "0"), "01-01",
    "-"),
                        format="%Y-%m-%d", unit="us", error_is_null=True)  # fmt: skip
    moment = pc.add(first, pc.multiply(pc.subtract(day, 1), 86_400_000_000).cast(pa.duration("us")))
    same = pc.equal(pc.year(moment).cast(pa.int64()), year)
    none = pa.scalar(None, pa.int64())
    return (
        pc.if_else(same, pc.month(moment).cast(pa.int64()), none),
        pc.if_else(same, pc.day(moment).cast(pa.int64()), none),
    )


def _read_offsets(zones: pa.Array) -> pa.Array:
    """Return offsets from UTC as durations; `Z`, `UTC`, `GMT` and none are 0."""
    encoded = zones.dictionary_encode()
    offsets = [_read_offset(zone) for zone in encoded.dictionary.to_pylist()]
    taken = pc.fill_null(pc.take(pa.array(offsets, pa.int64()), encoded.indices), 0)
    return pc.multiply(taken, 1_000_000).cast(pa.duration("us"))


def _read_offset(zone: str) -> int:
    """Return an offset such as `+01:00`, `+0100` or `+01` in seconds."""
    if zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "")
    return (-1 if zone[0] == "-" else 1) * (int(digits[:2]) * 3600 + int(digits[2:] or 0) * 60)


def _shift_to_utc(times: pa.ChunkedArray, timezone: str) -> pa.ChunkedArray:
    """Convert local times to UTC; a repeated hour is taken as its first, a skipped one as the hour after."""
    zoned = pc.assume_timezone(times, timezone, ambiguous="earliest", nonexistent="latest")
    return zoned.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us"))


def _shift_to_local(times: pa.ChunkedArray, timezone: str) -> pa.ChunkedArray:
    """Convert UTC to the time on the clocks of a zone."""
    return pc.local_timestamp(times.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us", timezone)))

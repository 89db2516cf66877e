"""Reads texts as Spark reads them, where DuckDB reads them differently: numbers, times, dates, JSON, case.

DuckDB's own casts read the usual notations, which mean the same in both. Everything else comes here: rare
values, so that speed does not matter, but whether a row keeps its contract must not depend on the engine.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pyarrow as pa

FAST_NUMBER = r"[+-]?[0-9]{1,17}(\.[0-9]{0,17})?"
FAST_TIMESTAMP = (
    r"[12][0-9]{3}-[01][0-9]-[0-3][0-9][ T]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?Z?"
)
FAST_DATE = r"[12][0-9]{3}-[01][0-9]-[0-3][0-9]"
"""RE2 patterns of texts that DuckDB casts as Spark does."""

MICROSECONDS = 1_000_000
_exact = Context(prec=400)
DECIMAL_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[fFdD]?", re.ASCII)
HEXADECIMAL_NUMBER = re.compile(
    r"([+-]?0[xX](?:[0-9a-fA-F]+\.?|[0-9a-fA-F]*\.[0-9a-fA-F]+)[pP][+-]?\d+)[fFdD]?", re.ASCII
)
NAMED_NUMBERS = {"inf": "inf", "infinity": "inf", "nan": "nan"}
CONTROLS_AND_BLANK = "".join(map(chr, range(0x21)))

MOMENT = re.compile(
    r"([+-]?)(\d{4,6})(?:-(\d{1,2})(?:-(\d{1,2})"
    r"(?:[ T](\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:\.(\d*))?([^\d.].*)?)?)?)?)?)?",
    re.ASCII | re.DOTALL,
)
"""A timestamp: sign, year, month, day, hour, minute, second, fraction, zone."""
DAY = re.compile(r"([+-]?)(\d{4,7})(?:-(\d{1,2})(?:-(\d{1,2})(?:[ T].*)?)?)?", re.ASCII | re.DOTALL)
OFFSET = re.compile(r"([+-])(\d{1,2})(?::?(\d{2})(?::?(\d{2}))?)?", re.ASCII)
SHORT_ZONES = {
    "ACT": "Australia/Darwin", "AET": "Australia/Sydney", "AGT": "America/Argentina/Buenos_Aires",
    "ART": "Africa/Cairo", "AST": "America/Anchorage", "BET": "America/Sao_Paulo", "BST": "Asia/Dhaka",
    "CAT": "Africa/Harare", "CNT": "America/St_Johns", "CST": "America/Chicago", "CTT": "Asia/Shanghai",
    "EAT": "Africa/Addis_Ababa", "ECT": "Europe/Paris", "IET": "America/Indiana/Indianapolis",
    "IST": "Asia/Kolkata", "JST": "Asia/Tokyo", "MIT": "Pacific/Apia", "NET": "Asia/Yerevan",
    "NST": "Pacific/Auckland", "PLT": "Asia/Karachi", "PNT": "America/Phoenix",
    "PRT": "America/Puerto_Rico", "PST": "America/Los_Angeles", "SST": "Pacific/Guadalcanal",
    "VST": "Asia/Ho_Chi_Minh", "EST": "-05:00", "MST": "-07:00", "HST": "-10:00",
}  # fmt: skip
"""Java's `ZoneId.SHORT_IDS`."""
JSON_BLANK = re.compile(r"[ \t\n\r]*")
HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


def read_number(text: str) -> float | None:
    """Read a text as `cast(text as double)` does: as Java does, and infinities and NaN by any case."""
    stripped = text.strip(CONTROLS_AND_BLANK)
    if DECIMAL_NUMBER.fullmatch(stripped):
        return float(stripped.rstrip("fFdD"))
    if match := HEXADECIMAL_NUMBER.fullmatch(stripped):
        return float.fromhex(match.group(1))
    sign = stripped[:1] if stripped[:1] in ("+", "-") else ""
    name = NAMED_NUMBERS.get(stripped[len(sign) :].lower())
    if name is None or (name == "nan" and sign and stripped[1:] != "NaN"):
        return None
    return -float(name) if sign == "-" else float(name)


def read_timestamp(text: str) -> int | None:
    """Read a text as `cast(text as timestamp)` does, UTC where it names no zone; microseconds since 1970."""
    match = MOMENT.fullmatch(_trim(text))
    if match is None:
        return None
    sign, year, *parts, fraction, zone = match.groups()
    month, day, hour, minute, second = (
        int(part) if part else default for part, default in zip(parts, (1, 1, 0, 0, 0), strict=True)
    )
    days = count_days(int(year) * (-1 if sign == "-" else 1), month, day)
    if days is None or hour > 23 or minute > 59 or second > 59:
        return None
    local = ((days * 24 + hour) * 60 + minute) * 60 + second
    offset = 0 if zone is None else find_offset(zone.strip(CONTROLS_AND_BLANK), local)
    if offset is None:
        return None
    return (local - offset) * MICROSECONDS + int(((fraction or "") + "000000")[:6])


def read_date(text: str) -> int | None:
    """Read a text as `cast(text as date)` does; days since 1970."""
    match = DAY.fullmatch(_trim(text))
    if match is None:
        return None
    sign, year, month, day = match.groups()
    return count_days(int(year) * (-1 if sign == "-" else 1), int(month or 1), int(day or 1))


def _trim(text: str) -> str:
    """Remove white space and control characters at both ends."""
    return text.strip(CONTROLS_AND_BLANK + "\x7f")


def count_days(year: int, month: int, day: int) -> int | None:
    """Count the days from 1970 to a day of the Gregorian calendar, in any year; None if there is none.

    Hinnant, "chrono-Compatible Low-Level Date Algorithms": years begin in March, eras have 400 years.
    """
    if not 1 <= month <= 12:
        return None
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if not 1 <= day <= (31, 29 if is_leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)[month - 1]:
        return None
    shifted = year - (month <= 2)
    era, of_era = divmod(shifted, 400)
    of_year = (153 * ((month - 3) % 12) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


def find_offset(zone: str, local: int) -> int | None:
    """Return the seconds by which a zone is ahead of UTC at a local time; None if there is no such zone.

    Args:
        zone: A name, an offset or both, as Java reads them.
        local: Seconds since 1970 on a clock of that zone.
    """
    name = re.sub(r"([+-])(\d):", r"\g<1>0\2:", zone, count=1)
    name = re.sub(r"([+-])(\d\d):(\d)$", r"\1\2:0\3", name, count=1)
    name = SHORT_ZONES.get(name, name)
    if name in ("Z", "UTC", "GMT", "UT"):
        return 0
    for prefix in ("UTC", "GMT", "UT"):
        if name.startswith((f"{prefix}+", f"{prefix}-")):
            name = name[len(prefix) :]
            break
    if name[:1] in ("+", "-"):
        return _read_offset(name)
    if name not in available_timezones():
        return None
    moment = datetime(1970, 1, 1) + timedelta(seconds=local)
    # The first of two equal local times, and in a gap the offset before it, as Java does.
    found = ZoneInfo(name).utcoffset(moment)
    return None if found is None else int(found.total_seconds())


def _read_offset(text: str) -> int | None:
    match = OFFSET.fullmatch(text)
    if match is None or (len(match.group(2)) == 1 and match.group(3)):
        return None
    if match.group(4) and text.count(":") == 1:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups()[1:])
    total = (hours * 60 + minutes) * 60 + seconds
    if minutes > 59 or seconds > 59 or total > 18 * 3600:
        return None
    return -total if match.group(1) == "-" else total


class _Refused(ValueError):
    """JSON that Spark does not read."""


def _refuse_constant(name: str) -> Any:
    raise _Refused(name)


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Refused("a key is repeated")
    return found


_strict = json.JSONDecoder(object_pairs_hook=_refuse_repeated, parse_constant=_refuse_constant)


def round_half_up(value: float, places: int) -> float:
    """Round the shortest decimal form of a double half up, as Spark does; infinities and NaN stay."""
    if not math.isfinite(value):
        return value
    return float(Decimal(repr(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, _exact))


def is_json(text: str) -> bool:
    """Return whether Spark's `try_parse_json` reads a text: no key repeated, no half characters."""
    try:
        value, _ = _strict.raw_decode(text, JSON_BLANK.match(text).end())  # type: ignore[union-attr]
        if HALF_CHARACTER.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return False
    return True


def _map_values(function: Callable[[Any], Any], kind: pa.DataType) -> Callable[[Any], pa.Array]:
    """Return a function of an Arrow array that applies one of single values; null gives null."""

    def apply(values: Any) -> pa.Array:
        return pa.array([None if one is None else function(one) for one in values.to_pylist()], kind)

    return apply


def build_rounding(places: int) -> Callable[[Any], pa.Array]:
    """Return a function that rounds an Arrow array of doubles half up; null gives null."""
    return _map_values(partial(round_half_up, places=places), pa.float64())


FUNCTIONS: dict[str, tuple[Callable[[Any], pa.Array], str]] = {
    "python_number": (_map_values(read_number, pa.float64()), "DOUBLE"),
    "python_timestamp": (_map_values(read_timestamp, pa.int64()), "BIGINT"),
    "python_date": (_map_values(read_date, pa.int32()), "INTEGER"),
    "python_lower": (_map_values(str.lower, pa.string()), "VARCHAR"),
    "python_upper": (_map_values(str.upper, pa.string()), "VARCHAR"),
    "is_json": (_map_values(is_json, pa.bool_()), "BOOLEAN"),
}
"""Functions of one text that DuckDB calls, with the type that each returns."""

MACROS = (
    f"spark_double(t) AS CASE WHEN regexp_full_match(t, '{FAST_NUMBER}') THEN TRY_CAST(t AS DOUBLE) "
    "ELSE python_number(t) END",
    f"spark_timestamp(t) AS make_timestamptz(CASE WHEN regexp_full_match(t, '{FAST_TIMESTAMP}') "
    "THEN epoch_us(TRY_CAST(t AS TIMESTAMP)) ELSE python_timestamp(t) END)",
    f"spark_date(t) AS CASE WHEN regexp_full_match(t, '{FAST_DATE}') THEN TRY_CAST(t AS DATE) "
    "ELSE DATE '1970-01-01' + python_date(t) END",
    # Where every character is one byte, all are ASCII, whose case is the same everywhere.
    "spark_lower(t) AS CASE WHEN length(t) = strlen(t) THEN lower(t) ELSE python_lower(t) END",
    "spark_upper(t) AS CASE WHEN length(t) = strlen(t) THEN upper(t) ELSE python_upper(t) END",
)
"""Macros of DuckDB with Spark's meaning."""

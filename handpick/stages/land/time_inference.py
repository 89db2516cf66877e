"""Infers how a column of dates or times is written, from its texts, and verifies it on all of them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise

import pyarrow as pa
import pyarrow.compute as pc

from handpick.stages.land.month_names import find_month, is_weekday
from handpick.stages.land.times import EPOCH_UNITS, EXCEL, TEXT, parse_times

MIN_SHARE = 0.8
"""Share of the values that a form must read to be proposed."""
FULL_SHARE = 0.98
PROBED_TEXTS = 60
MAX_FORMS = 3
EARLIEST, LATEST = "1971", "2100"
MAX_GAP_YEARS, RECENT = 4, "2020"
"""Years without any day after which a later one is a typing error, and until when none is."""

CLOCK = re.compile(
    r"(?<!\d)(?P<hour>\d{1,2}):(?P<minute>\d{2})(?P<second>:\d{2})?(?P<fraction>[.,]\d{1,9})?"
    r"(?P<half>\s?[AaPp]\.?\s?[Mm]\.?)?(?P<zone>\s?(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?(?![\d:])"
)
JOINER = re.compile(r"(?:\s*[T,:]?\s*|\s+(?:at|um|à|a las|alle|om|o|kl\.?|в|-)\s+|,?\s+)$")
COMPACT = re.compile(
    r"(?P<day>\d{8})(?P<joiner>[T _-]?)(?P<clock>\d{6}|\d{4})?(?P<zone>\s?(?:Z|[+-]\d{2}:?\d{2}))?"
)

TIMES_IN_TEXT = {
    r"(\d{4}-\d{2}-\d{2})": "",
    r"(\d{4}, [A-Z][a-z]{2,8})": "%Y, %B",
    r"([A-Z][a-z]{2,8} \d{1,2}, \d{4})": "%B %d, %Y",
    r"(\d{1,2} [A-Z][a-z]{2,8} \d{4})": "%d %B %Y",
    r"\b((?:19|20)\d{2})\b": "%Y",
}
"""Patterns that find a date within a text, and the form of what they find; never for moments."""


@dataclass(frozen=True)
class InferredTimes:
    """How a column of times is written.

    Args:
        forms: Forms that together read the column; empty for ISO 8601, or where nothing was found.
        pattern: A regular expression that extracts the date from its text; empty for none.
        share: Share of the distinct texts that are read.
        question: What only the owner can decide; empty for none.
        evidence: What decided between two readings; empty where there was one.
        unread: Texts that are not read.
        unlikely: Texts that are read as a day years after all others, or outside 1970 to 2100.
        has_clock: Whether times of day are read.
        has_zone: Whether every time of day says its zone.
    """

    forms: tuple[str, ...] = ()
    pattern: str = ""
    share: float = 0.0
    question: str = ""
    evidence: str = ""
    unread: tuple[str, ...] = ()
    unlikely: tuple[str, ...] = ()
    has_clock: bool = False
    has_zone: bool = True

    @property
    def setting(self) -> str | tuple[str, ...]:
        """The forms as the value of the setting `times`."""
        return self.forms[0] if len(self.forms) == 1 else self.forms


def infer_times(
    texts: pa.Array | Sequence[str], declared: str, known_by: date | None = None
) -> InferredTimes:
    """Infer how times are written; a form is proposed only if it reads nearly all texts, wholly, in one way.

    Args:
        texts: Distinct, non-empty texts of the whole column.
        declared: `date` or `timestamp`.
        known_by: The day on which the rows were exported: a moment after it was read wrongly.
    """
    values = pa.array(texts, pa.string()) if not isinstance(texts, pa.Array) else texts
    values = pc.utf8_trim_whitespace(values)
    if not len(values):
        return InferredTimes()
    iso = _parse(values, "", declared)
    if _share(iso) >= MIN_SHARE:
        return _finish(values, (), declared)
    counted = _infer_counts(values, declared)
    if counted:
        return counted
    probes = [values[place].as_py() for place in _spread(len(values), PROBED_TEXTS)]
    candidates = list(dict.fromkeys(form for text in probes for form in list_forms(text)))
    if declared == "timestamp":
        # Without a day every moment of a year or a month would become one.
        candidates = [form for form in candidates if re.search(r"%[dej]", form)]
    chosen = _choose(values, candidates, declared, known_by) or _infer_in_text(values, declared)
    if declared == "date" and (chosen is None or (not chosen.question and chosen.share < FULL_SHARE)):
        chosen = _prefer_text(values, chosen)
    return chosen or InferredTimes()


def _prefer_text(values: pa.Array, other: InferredTimes | None) -> InferredTimes | None:
    """Return days in free text instead of other forms, if that reads more texts and no text differently."""
    found = _parse(values, TEXT, "date")
    if _share(found) < MIN_SHARE or (other is not None and _share(found) <= other.share):
        return other
    if other is not None and not other.pattern:
        for form in other.forms or ("",):
            same = pc.equal(found, _parse(values, form, "date"))
            if not pc.all(same, min_count=0).as_py():
                return other
    return _finish(values, (TEXT,), "date")


def _choose(
    values: pa.Array, candidates: list[str], declared: str, known_by: date | None
) -> InferredTimes | None:
    """Return the forms that read nearly all values, or the question which of several readings is meant."""
    chosen: list[str] = []
    evidence = ""
    rest = values.filter(pc.is_null(_parse(values, "", declared)))
    while len(rest) and len(chosen) < MAX_FORMS:
        parsed = {form: _parse(rest, form, declared) for form in candidates if form not in chosen}
        parsed = {form: times for form, times in parsed.items() if times.null_count < len(rest)}
        if not parsed:
            break
        most = max(_share(times) for times in parsed.values())
        best = {form: times for form, times in parsed.items() if _share(times) >= most - 1e-9}
        readings = _group_readings(best)
        possible = [
            group for group in readings if _is_possible(best[group[0]], declared, known_by)
        ] or readings
        if len(possible) > 1:
            return InferredTimes(question=_ask(rest, [group[0] for group in possible], declared))
        if len(possible) < len(readings):
            other = next(group[0] for group in readings if group not in possible)
            evidence = f"{other!r} would give times after the export's day"
        form = possible[0][0]
        chosen.append(form)
        rest = rest.filter(pc.is_null(parsed[form]))
        if len(rest) <= (1 - FULL_SHARE) * len(values):
            break
    read = 1 - len(rest) / len(values)
    if not chosen or read < MIN_SHARE:
        return None
    found = _finish(values, tuple(chosen), declared)
    return replace(found, evidence=evidence)


def _finish(values: pa.Array, forms: tuple[str, ...], declared: str) -> InferredTimes:
    """Return forms with what they read, or nothing if all texts would become one moment."""
    times = _parse(values, "", declared)
    for form in forms:
        times = pc.coalesce(_parse(values, form, declared), times)
    # A form that makes one moment of all texts loses the time of day.
    if len(values) >= 5 and pc.count_distinct(times).as_py() <= 1:
        return InferredTimes()
    clocks = [bool(re.search(r"\d:\d", text)) for text in values[:1000].to_pylist()]
    has_clock = any(clocks) or any(re.search(r"%[HI]", form) for form in forms) or EXCEL in forms
    zoned = r"(?:Z|UTC|GMT|[+-]\d{2}(?::?\d{2})?)(?:\[.*\])?$"
    has_zone = all(re.search(zoned, text) for text in values[:1000].to_pylist())
    return InferredTimes(
        forms=forms,
        share=_share(times),
        unread=tuple(values.filter(pc.is_null(times))[:3].to_pylist()),
        unlikely=_find_unlikely(values, times),
        has_clock=has_clock,
        has_zone=has_zone or any(form in EPOCH_UNITS for form in forms),
    )


def _find_unlikely(values: pa.Array, times: pa.Array) -> tuple[str, ...]:
    """Return up to three texts whose day is years after all others, or outside what any night takes."""
    years = pc.utf8_slice_codeunits(times, 0, 4)
    known = sorted(year for year in pc.unique(years.drop_null()).to_pylist() if year.isdigit())
    cut = next(
        (
            later
            for earlier, later in pairwise(known)
            if int(later) - int(earlier) > MAX_GAP_YEARS and later > RECENT
        ),
        "9999",
    )
    is_odd = pc.or_(pc.greater_equal(years, min(cut, LATEST)), pc.less(years, "1970"))
    return tuple(values.filter(pc.fill_null(is_odd, False))[:3].to_pylist())


def _infer_counts(values: pa.Array, declared: str) -> InferredTimes | None:
    """Return the form of times that are written as digits alone; None for others."""
    if pc.mean(pc.match_substring_regex(values, r"^\d+(\.\d+)?$").cast(pa.float64())).as_py() < MIN_SHARE:
        return None
    has_points = pc.any(pc.match_substring(values, ".")).as_py()
    compact = [] if has_points else ["%Y%m%d%H%M%S", "%Y%m%d%H%M", "%Y%m%d"]
    if declared == "date":
        compact += ["%Y"]
    for form in [*compact, *EPOCH_UNITS, EXCEL]:
        times = _parse(values, form, declared)
        if _share(times) < MIN_SHARE:
            continue
        ordered = pc.drop_null(times)
        low, high = pc.min(ordered).as_py(), pc.max(ordered).as_py()
        if low < EARLIEST or high >= LATEST or (form == EXCEL and low < "1985"):
            continue
        found = _finish(values, (form,), declared)
        if form != EXCEL or not found.forms:
            return found
        return replace(
            found, question=f"'{values[0]}' is read as days of a spreadsheet, {times[0]}: is that so"
        )
    return None


def _infer_in_text(values: pa.Array, declared: str) -> InferredTimes | None:
    """Return the pattern that finds a date in nearly all texts; never for moments, which lose their clock."""
    if declared != "date":
        return None
    texts = values.to_pylist()
    for pattern, form in TIMES_IN_TEXT.items():
        found = [match.group(1) if (match := re.search(pattern, text)) else None for text in texts]
        times = _parse(pa.array(found, pa.string()), form, declared)
        if _share(times) >= MIN_SHARE and (len(texts) < 5 or pc.count_distinct(times).as_py() > 1):
            unread = tuple(values.filter(pc.is_null(times))[:3].to_pylist())
            return InferredTimes((form,) if form else (), pattern, _share(times), unread=unread)
    return None


def list_forms(text: str) -> Iterator[str]:
    """Yield the forms in which a text may be written, as time patterns; texts with `%` have none."""
    text = text.strip()
    if "%" in text:
        return
    if match := COMPACT.fullmatch(text):
        clock = {6: "%H%M%S", 4: "%H%M"}.get(len(match["clock"] or ""), "")
        zone = (
            ("" if not match["zone"] else " %z" if match["zone"].startswith(" ") else "%z") if clock else ""
        )
        yield f"%Y%m%d{match['joiner']}{clock}{zone}"
        yield f"%d%m%Y{match['joiner']}{clock}{zone}"
        return
    clock_match = CLOCK.search(text)
    if clock_match is None:
        yield from _list_date_forms(text)
        return
    before, after = text[: clock_match.start()], text[clock_match.end() :]
    clock = _format_clock(clock_match)
    if before.strip():
        joiner = JOINER.search(before)
        cut = joiner.start() if joiner else len(before)
        # Words for "o'clock" only: `CET` behind a clock is a zone.
        if not after or re.fullmatch(r"\s?(?:Uhr|h|hrs?|uur|kl)\.?", after):
            yield from (f"{form}{before[cut:]}{clock}{after}" for form in _list_date_forms(before[:cut]))
        # `Sat Jan 10 06:00:00 2026`: the year stands behind the clock.
        elif re.fullmatch(r"\s+\d{4}", after):
            yield from _join_year_behind(before, cut, clock, after)
    elif after.strip():
        gap = after[: len(after) - len(after.lstrip(" ,"))]
        yield from (f"{clock}{gap}{form}" for form in _list_date_forms(after.lstrip(" ,")))


def _join_year_behind(before: str, cut: int, clock: str, after: str) -> Iterator[str]:
    """Yield forms such as `%a %b %d %H:%M:%S %Y`."""
    for form in _list_date_forms(f"{before[:cut]} {after.strip()}"):
        if form.endswith(" %Y"):
            yield f"{form.removesuffix(' %Y')}{before[cut:]}{clock} %Y"


def _format_clock(match: re.Match[str]) -> str:
    """Return the form of a clock, such as `%H:%M:%S.%f %z`."""
    half = match["half"] or ""
    parts = ["%I" if half else "%H", ":%M", ":%S" if match["second"] else ""]
    parts.append(f"{match['fraction'][0]}%f" if match["fraction"] and match["second"] else "")
    parts.append(f"{' ' if half[:1].isspace() else ''}%p" if half else "")
    zone = match["zone"] or ""
    parts.append(f"{' ' if zone[:1].isspace() else ''}%z" if zone else "")
    return "".join(parts)


def _list_date_forms(text: str) -> Iterator[str]:
    """Yield the forms of a day: by numbers in each order that is in use, or with the name of a month."""
    if match := re.fullmatch(r"(\d{1,4})([./\- ])(\d{1,2})\2(\d{1,4})(\.?)", text):
        first, mark, _, last, dot = match.groups()
        if len(first) == 4:
            orders = ["Ymd"]
        elif len(last) == 4:
            orders = ["dmY"] if mark == "." else ["dmY", "mdY"]
        else:
            # Points stand in dates that begin with the day only.
            orders = ["dmy"] if mark == "." else ["dmy", "mdy", "ymd"]
        yield from (mark.join(f"%{code}" for code in order) + dot for order in orders)
        return
    if re.fullmatch(r"\d{4}年\d{1,2}月\d{1,2}日", text):
        yield "%Y年%m月%d日"
        return
    if re.fullmatch(r"\d{4}[-/.]\d{1,2}", text):
        yield f"%Y{text[4]}%m"
        return
    if re.fullmatch(r"\d{1,2}[-/.]\d{4}", text):
        yield f"%m{text[-5]}%Y"
        return
    if re.fullmatch(r"\d{4}", text):
        yield "%Y"
        return
    yield from _list_named_forms(text)


def _list_named_forms(text: str) -> Iterator[str]:
    """Yield the forms of a day whose month is named, such as `%d. %b %Y` or `%a, %d %b %Y`."""
    tokens = re.findall(r"\d+|[^\W\d_]+\.?|[\s\W_]", text)
    months = [place for place, token in enumerate(tokens) if not token[0].isdigit() and find_month(token)]
    if len(months) != 1:
        return
    tokens[months[0]] = "%b"
    words = [place for place, token in enumerate(tokens) if token[0].isalpha()]
    if words and words[0] == 0 and is_weekday(tokens[0]):
        tokens[0] = "%a"
    numbers = [place for place, token in enumerate(tokens) if token[0].isdigit()]
    years = [place for place in numbers if len(tokens[place]) == 4]
    days = [place for place in numbers if len(tokens[place]) <= 2]
    if len(years) == 1 and len(days) <= 1 and len(numbers) == len(years) + len(days):
        orders = [dict.fromkeys(years, "%Y") | dict.fromkeys(days, "%d")]
    elif not years and len(days) == 2:
        orders = [{days[0]: "%d", days[1]: "%y"}]
    else:
        return
    for order in orders:
        yield "".join(order.get(place, token) for place, token in enumerate(tokens))


def _parse(values: pa.Array, form: str, declared: str) -> pa.Array:
    """Return `(values,)` times in ISO form, null for texts that a form does not read."""
    column = parse_times(pa.chunked_array([values]), form, declared)
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _share(times: pa.Array) -> float:
    """Return the share of texts that were read."""
    unread: int = times.null_count
    return 1 - unread / max(len(times), 1)


def _spread(count: int, most: int) -> list[int]:
    """Return at most so many places, spread evenly over all."""
    return sorted({place * count // most for place in range(most)}) if count > most else list(range(count))


def _group_readings(parsed: dict[str, pa.Array]) -> list[list[str]]:
    """Group forms that read every text as the same moment."""
    groups: list[list[str]] = []
    for form, times in parsed.items():
        same = next((group for group in groups if parsed[group[0]].equals(times)), None)
        if same is None:
            groups.append([form])
        else:
            same.append(form)
    return groups


def _is_possible(times: pa.Array, declared: str, known_by: date | None) -> bool:
    """Return whether moments lie between 1971 and the day after the export; a date may lie ahead."""
    latest, earliest = pc.max(times).as_py(), pc.min(times).as_py()
    if latest >= LATEST or earliest < EARLIEST:
        return False
    if declared == "date" or known_by is None:
        return True
    return bool(datetime.fromisoformat(latest[:10]).date() <= known_by + timedelta(days=1))


def _ask(values: pa.Array, forms: list[str], declared: str) -> str:
    """Return the question which of several forms is meant, with a text that they read differently."""
    readings = [_parse(values, form, declared).to_pylist() for form in forms[:2]]
    pairs = list(zip(*readings, strict=True))
    # Forms may differ in which texts they read: then a text that only one of them reads is shown.
    place = next(
        (number for number, pair in enumerate(pairs) if None not in pair and pair[0] != pair[1]), None
    )
    if place is None:
        place = next((number for number, pair in enumerate(pairs) if pair[0] != pair[1]), 0)
    shown = [
        f"{times[place][:10] if times[place] else 'nothing'} with '{form}'"
        for times, form in zip(readings, forms, strict=False)
    ]
    return (
        f"'{values[place]}' may have the day first, the month first or the year first: {' or '.join(shown)}"
    )

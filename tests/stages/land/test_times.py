"""Times of any written form: what is read, what is proposed, and what only the owner can say."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handpick.errors import ConfigurationError
from handpick.stages.land.time_inference import infer_times
from handpick.stages.land.times import compile_pattern, read_times

MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2037, 12, 31))
CODES = {"%Y": 4, "%m": 2, "%d": 2, "%H": 2, "%M": 2, "%S": 2}


def read(
    texts: list[str | None], form: str | tuple[str, ...] = "", declared: str = "timestamp", zone: str = "UTC"
) -> list[str | None]:
    """Texts as `read_times` rewrites them."""
    column = pa.chunked_array([pa.array(texts, pa.string())])
    result: list[str | None] = read_times(column, form, declared, zone).to_pylist()
    return result


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.lists(MOMENTS, min_size=1, max_size=5),
    st.permutations(["%Y", "%m", "%d"]),
    st.sampled_from(["-", "/", ".", " ", "年"]),
    st.sampled_from([" ", "T", ", ", " um "]),
    st.sampled_from(["%H:%M:%S", "%H:%M:%S.%f", "%I:%M:%S %p", "%Hh%M %S"]),
)
def test_what_a_pattern_wrote_it_reads(
    moments: list[datetime], order: list[str], mark: str, joiner: str, clock: str
) -> None:
    form = mark.join(order) + joiner + clock
    if "%f" not in form:
        moments = [moment.replace(microsecond=0) for moment in moments]
    texts = [moment.strftime(form) for moment in moments]
    assert [datetime.fromisoformat(text or "") for text in read(list(texts), form)] == [
        moment.replace(tzinfo=UTC) for moment in moments
    ]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    MOMENTS,
    st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "+01:00"]),
    st.integers(0, 7),
)
def test_local_times_become_utc_with_any_number_of_decimals(moment: datetime, zone: str, digits: int) -> None:
    fraction = f"{moment.microsecond:06d}0"[:digits]
    text = f"{moment:%Y-%m-%d %H:%M:%S}" + (f".{fraction}" if fraction else "")
    kept = moment.replace(microsecond=int(f"{fraction:0<6}"[:6]))
    local = kept.replace(tzinfo=ZoneInfo(zone) if "/" in zone else None)
    expected = local.astimezone(UTC) if "/" in zone else (kept - timedelta(hours=1)).replace(tzinfo=UTC)
    # A skipped hour is read as the hour after it.
    if "/" not in zone or expected.astimezone(ZoneInfo(zone)).replace(tzinfo=None) == kept:
        assert datetime.fromisoformat(read([text], zone=zone)[0] or "") == expected


@pytest.mark.parametrize(
    "text",
    ["30.02.2026 06:00:00", "00.00.0000 00:00:00", "10.13.2026 06:00:00", "10.01.2026 24:00:00", "10.01.2026 06:00:61",
     "10.01.2026 06:00:00 x", "10.01.2026", "x", "", "2026", "12:00"],
)  # fmt: skip
def test_a_text_that_the_pattern_does_not_fit_wholly_stays_as_it_is(text: str) -> None:
    assert read([text], "%d.%m.%Y %H:%M:%S") == [text]


@pytest.mark.parametrize(
    "text", ["0000-00-00 00:00:00", "2026-02-30 06:00:00", "2026-01-10 06:00 Uhr", "2026-1"]
)
def test_impossible_iso_times_stay_as_they_are_with_a_zone_too(text: str) -> None:
    assert read([text, None], zone="Europe/Berlin") == [text, None]


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("10 janvier 2026", "%d %B %Y", "2026-01-10"),
        ("10. März 2026", "%d. %b %Y", "2026-03-10"),
        ("10 de mayo de 2026", "%d de %b de %Y", "2026-05-10"),
        ("10 января 2026", "%d %b %Y", "2026-01-10"),
        ("2026年1月10日", "%Y年%m月%d日", "2026-01-10"),
        ("2026-010", "%Y-%j", "2026-01-10"),
        ("46032", "excel", "2026-01-10"),
    ],
)
def test_days_with_names_of_months_and_of_spreadsheets(text: str, form: str, expected: str) -> None:
    assert read([text], form, "date") == [expected]


def test_a_column_may_have_several_forms() -> None:
    assert read(["10.01.2026", "Jan 11, 2026", "2026-01-12"], ("%d.%m.%Y", "%b %d, %Y"), "date") == [
        "2026-01-10", "2026-01-11", "2026-01-12",
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["%Q", "%d.%m", "%Y %Y", "%"])
def test_a_pattern_that_cannot_be_read_is_one_line(form: str) -> None:
    with pytest.raises(ConfigurationError, match=r"time pattern"):
        compile_pattern(form)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    st.lists(st.datetimes(datetime(2025, 1, 1), datetime(2026, 1, 9)), min_size=6, max_size=40, unique=True),
    st.sampled_from(["%d.%m.%Y %H:%M:%S", "%Y/%m/%d %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %I:%M:%S %p", "%d-%m-%Y %H:%M:%S",
                     "%d/%b/%Y:%H:%M:%S", "%Y%m%d%H%M%S", "%d.%m.%y %H:%M:%S", "%b %d, %Y %H:%M:%S"]),
)  # fmt: skip
def test_a_proposed_form_reads_every_time_or_is_a_question(moments: list[datetime], form: str) -> None:
    moments = [moment.replace(microsecond=0) for moment in moments]
    texts = list(dict.fromkeys(moment.strftime(form) for moment in moments))
    inferred = infer_times(texts, "timestamp")
    if inferred.forms:
        assert [datetime.fromisoformat(text or "") for text in read(list(texts), inferred.setting)] == [
            datetime.strptime(text, form).replace(tzinfo=UTC) for text in texts
        ]
    else:
        assert inferred.question


def test_day_and_month_are_decided_by_the_day_of_the_export_or_asked() -> None:
    texts = [f"10-01-2026 06:{minute:02d}:00" for minute in range(10)]
    assert infer_times(texts, "timestamp", date(2026, 1, 10)).forms == ("%d-%m-%Y %H:%M:%S",)
    asked = infer_times(texts, "timestamp")
    assert not asked.forms
    assert "'10-01-2026 06:00:00' may have the day first" in asked.question


def test_no_form_is_proposed_that_makes_all_times_one_moment() -> None:
    assert not infer_times([f"2026 week {week}" for week in range(20)], "timestamp").forms
    assert not infer_times(["2025", "2026"], "timestamp").forms

"""Nights that are run again, or late, write the same bytes as on their own date."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from handpick.errors import InputError
from handpick.lake.partitions import Lake, digest_files
from handpick.night import Night
from handpick.pipeline.backfill import iterate_dates, run_nights
from handpick.stages.transform import CLEAN_TABLES

from .conftest import DAY, bring, event, item, query, shop

MakeNight = Callable[..., Night]
NIGHTS = [DAY + timedelta(days=number) for number in range(3)]
TABLES = [f"{kind}/{source}" for kind in ("raw", "valid", "quarantine") for source in shop()]


def land_days(folder: Path) -> None:
    """Three days of files; the second has a late event, the third one that was landed already."""
    for number, day in enumerate(NIGHTS):
        at = f"{day}T09:00:00Z"
        rows = shop()
        if number:
            rows["users"] = [{**rows["users"][0], "user_id": f"new{number}"}]
            rows["catalog"] = [item(0, price=100 - number, updated_at=at)]
        rows["events"] = [event(100 * number + place, occurred_at=at) for place in range(12)]
        rows["queries"] = [query(number, occurred_at=at)]
        if number == 1:
            rows["events"].append(event(190, occurred_at=f"{DAY}T10:00:00Z"))
        if number == 2:
            rows["events"].append(event(3, occurred_at=f"{DAY}T09:00:00Z"))
        bring(folder, rows, day)


def digests(lake: Lake, day: date) -> dict[str, str]:
    tables = [*TABLES, *(f"clean/{name}" for name in CLEAN_TABLES)]
    return {table: digest_files(lake.partition(table, day)) for table in tables}


@pytest.fixture
def made(tmp_path: Path, night: MakeNight) -> list[dict[str, str]]:
    """Digests of three nights, each run on its date, before later files arrived."""
    land_days(tmp_path)
    landing, later = tmp_path / "landing", tmp_path / "later"
    landing.rename(later)
    found = []
    for day in NIGHTS:
        for file in later.glob(f"*/{day}.jsonl"):
            (landing / file.parent.name).mkdir(parents=True, exist_ok=True)
            file.rename(landing / file.parent.name / file.name)
        run_nights([night(day)], "transform")
        found.append(digests(night(day).lake, day))
    return found


def test_nights_that_are_run_again_or_only_now_are_as_if_run_on_their_evening(
    made: list[dict[str, str]], night: MakeNight, tmp_path: Path
) -> None:
    run_nights([night(day) for day in NIGHTS[1:]], "transform")
    assert [digests(night(day).lake, day) for day in NIGHTS] == made, "again"
    (tmp_path / "lake").rename(tmp_path / "first-lake")
    run_nights([night(day) for day in NIGHTS], "transform")
    assert [digests(night(day).lake, day) for day in NIGHTS] == made, "all at once, later"


def test_a_late_event_counts_on_its_own_day_and_rewrites_no_earlier_partition(
    made: list[dict[str, str]], night: MakeNight
) -> None:
    lake = night(NIGHTS[1]).lake
    assert digests(lake, DAY) == made[0]
    days_counted = lake.read("clean/user_daily", NIGHTS[1]).column("event_date").to_pylist()
    assert {DAY, NIGHTS[1]} == set(days_counted)
    reasons = lake.read("quarantine/events", NIGHTS[2]).column("_rules").to_pylist()
    assert reasons == [["landed on an earlier night"]]


def test_a_backfill_that_stops_says_which_nights_are_done_and_how_to_go_on(
    night: MakeNight, tmp_path: Path
) -> None:
    bring(tmp_path, shop())
    with pytest.raises(
        InputError, match=r"stopped at 2026-01-11, 1 of 2 nights are done.*--from 2026-01-11 --to"
    ):
        run_nights([night(day) for day in NIGHTS[:2]], "land")
    with pytest.raises(InputError, match="there is no stage 'lands'"):
        run_nights([night(DAY)], "lands")
    with pytest.raises(InputError, match="is after"):
        list(iterate_dates(NIGHTS[1], DAY))

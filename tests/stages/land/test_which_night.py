"""Which files a night takes follows from what the lake records, in whichever order nights are run or killed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from handpick.errors import InputError
from handpick.lake.partitions import Lake, digest_files
from handpick.night import Night
from handpick.stages import land
from handpick.stages.land import pending_files

from .conftest import DAY

MakeNight = Callable[..., Night]
SOURCES = ("catalog", "users", "events", "queries")
ONLY_EVENTS = {name: {"needed": "never"} for name in ("catalog", "users", "queries")}
HEAD = "event_id,user_id,item_id,event_type,occurred_at\n"
DAYS = [DAY + timedelta(days=number) for number in range(4)]


@pytest.fixture
def shop(bring: Callable[..., Path], tmp_path: Path) -> Callable[[date], None]:
    """A function that brings the events file of a day; the other sources have the files of the first."""

    def bring_day(day: date) -> None:
        bring("events", f"{HEAD}e{day:%d},u1,p1,view,{day}T02:00:00Z\n", f"events-{day}.csv")

    bring()
    (tmp_path / "landing/events" / f"{DAY}.csv").unlink()
    return bring_day


def run(make: MakeNight, day: date) -> None:
    land.run(make(day, sources=ONLY_EVENTS))


def read_raw(make: MakeNight, days: Sequence[date] = DAYS) -> dict[str, str]:
    """Return the digest of each raw partition there is, by table and night."""
    lake = make().lake
    return {
        f"{source} {day}": digest_files(lake.partition(f"raw/{source}", day))
        for source in SOURCES
        for day in days
        if lake.has(f"raw/{source}", day)
    }


def events_of(make: MakeNight, day: date) -> list[str]:
    return sorted(make().lake.read("raw/events", day)["event_id"].to_pylist())


def test_an_older_night_landed_after_a_newer_one_can_be_run_again(
    night: MakeNight, shop: Callable[[date], None]
) -> None:
    shop(DAYS[0])
    shop(DAYS[1])
    run(night, DAYS[1])
    assert events_of(night, DAYS[1]) == ["e10", "e11"]
    run(night, DAYS[0])
    older = read_raw(night, DAYS[:1])
    run(night, DAYS[0])
    assert read_raw(night, DAYS[:1]) == older
    # The newer night gives up what the older one has taken, as if they had run in order.
    run(night, DAYS[1])
    assert events_of(night, DAYS[1]) == ["e11"]
    run(night, DAYS[0])
    assert read_raw(night, DAYS[:1]) == older


def test_a_night_after_a_gap_and_one_inside_the_gap(night: MakeNight, shop: Callable[[date], None]) -> None:
    for day in DAYS:
        shop(day)
    run(night, DAYS[0])
    run(night, DAYS[3])
    assert events_of(night, DAYS[3]) == ["e11", "e12", "e13"]
    run(night, DAYS[2])
    run(night, DAYS[2])
    assert events_of(night, DAYS[2]) == ["e11", "e12"]
    run(night, DAYS[3])
    assert events_of(night, DAYS[3]) == ["e13"]


def test_no_night_lands_while_two_nights_before_it_hold_the_same_file(
    night: MakeNight, shop: Callable[[date], None]
) -> None:
    for day in DAYS:
        shop(day)
    for day in (DAYS[0], DAYS[2], DAYS[1]):
        run(night, day)
    before = read_raw(night)
    said = (
        rf"the night of {DAYS[2]} still holds .* {DAYS[1]} has taken.* run `handpick night --date {DAYS[2]}`"
    )
    with pytest.raises(InputError, match=said):
        run(night, DAYS[3])
    assert read_raw(night) == before
    run(night, DAYS[2])
    run(night, DAYS[3])
    assert [events_of(night, day) for day in DAYS] == [["e10"], ["e11"], ["e12"], ["e13"]]


@pytest.mark.parametrize("seed", range(3))
def test_nights_run_in_any_order_and_then_in_order_land_what_an_ordered_run_lands(
    night: MakeNight, shop: Callable[[date], None], tmp_path: Path, seed: int
) -> None:
    for day in DAYS:
        shop(day)
    shuffled = DAYS * 2
    random.Random(seed).shuffle(shuffled)
    for day in shuffled:
        with suppress(InputError):  # all its files are of nights that have run already
            run(night, day)
    for day in DAYS:
        run(night, day)
    mixed = read_raw(night)
    (tmp_path / "lake").rename(tmp_path / "other")
    for day in DAYS:
        run(night, day)
    assert mixed == read_raw(night)


class Killed(BaseException):
    """Stands for the end of the process: nothing but `finally` runs."""


def test_a_kill_between_any_two_sources_strands_no_night(
    night: MakeNight, shop: Callable[[date], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from handpick.lake import partitions, swap

    shop(DAYS[0])
    shop(DAYS[1])
    run(night, DAYS[1])
    run(night, DAYS[0])
    undisturbed = read_raw(night)
    replace_folder = swap.replace_folder
    for survivors in range(len(SOURCES) + 1):
        for day in DAYS[:1]:
            for source in SOURCES:
                (tmp_path / "lake/raw" / source / f"logical_date={day}").rename(
                    tmp_path / f"{survivors}-{source}"
                )
        replaced: list[Any] = []

        def replace_until_killed(
            staging: Path, target: Path, limit: int = survivors, done: list[Any] = replaced
        ) -> None:
            if len(done) == limit:
                raise Killed
            done.append(target)
            replace_folder(staging, target)

        monkeypatch.setattr(partitions, "replace_folder", replace_until_killed)
        with suppress(Killed):
            run(night, DAYS[0])
        monkeypatch.setattr(partitions, "replace_folder", replace_folder)
        assert len(replaced) == min(survivors, len(SOURCES))
        run(night, DAYS[0])
        assert read_raw(night) == undisturbed


def test_rows_of_landed_files_that_are_gone_stay_in_the_lake(
    night: MakeNight, shop: Callable[[date], None], tmp_path: Path
) -> None:
    shop(DAYS[0])
    shop(DAYS[1])
    run(night, DAYS[1])
    before = read_raw(night)
    (tmp_path / f"landing/events/events-{DAYS[0]}.csv").unlink()
    with pytest.raises(
        InputError,
        match=r"events: files that .* has landed before are gone \(1, such as events-",
    ):
        run(night, DAYS[1])
    assert read_raw(night) == before


def test_a_damaged_manifest_is_named(night: MakeNight, shop: Callable[[date], None]) -> None:
    from handpick.errors import DamagedData

    shop(DAYS[0])
    run(night, DAYS[0])
    lake: Lake = night().lake
    file = lake.partition("raw/events", DAYS[0]) / "_manifest.json"
    file.write_text(file.read_text()[:20])
    with pytest.raises(DamagedData, match=r"_manifest\.json is damaged"):
        pending_files.list_pending_files(night(DAYS[1]), "events")

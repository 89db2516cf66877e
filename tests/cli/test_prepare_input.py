"""`handpick run` chooses the newest day with input that is not done; only demo shops get demo data."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from handpick.cli.prepare_input import prepare_input
from handpick.demo import next_day
from handpick.demo.parameters import DEFAULT_END
from handpick.errors import InputError
from handpick.night import Night
from handpick.pipeline.registry import list_nightly_names
from handpick.settings.load import Settings, load

FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 2)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (tmp_path / "handpick.toml").touch()
    monkeypatch.setenv("HANDPICK_CONFIG", str(tmp_path / "handpick.toml"))
    return load()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Demo data that would have been made: `("shop", rung, last day)` or `"day"`."""
    made: list[object] = []
    monkeypatch.setattr(
        next_day, "make_first_shop", lambda _, rung, last_day: made.append(("shop", rung, last_day))
    )
    monkeypatch.setattr(next_day, "find_last_shop_day", lambda _: FIRST)

    def add_shop_day(_: Settings) -> date:
        made.append("day")
        return SECOND

    monkeypatch.setattr(next_day, "add_shop_day", add_shop_day)
    return made


def bring(settings: Settings, day: date) -> None:
    """Put a file of a day into the landing folder."""
    folder = settings.path(settings.lake.landing) / "events"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"events-{day}.csv").write_text("event_id\n")


def finish(settings: Settings, day: date) -> None:
    """Let a night's last stage have a result."""
    file = Night(settings, day).result_file(list_nightly_names()[-1])
    file.parent.mkdir(parents=True)
    file.write_text("{}")


def test_without_input_a_demo_shop_is_made(settings: Settings, made: list[object]) -> None:
    assert prepare_input(settings, "XS", None) == DEFAULT_END
    assert prepare_input(settings, "XS", SECOND) == SECOND
    assert made == [("shop", "XS", DEFAULT_END), ("shop", "XS", SECOND)]


def test_an_interrupted_demo_shop_is_made_again(settings: Settings, made: list[object]) -> None:
    bring(settings, FIRST)
    truth = settings.path(settings.lake.truth)
    truth.parent.mkdir(parents=True, exist_ok=True)
    truth.with_name(f".unfinished-{truth.name}").touch()
    assert prepare_input(settings, "S", None) == DEFAULT_END
    assert made == [("shop", "S", DEFAULT_END)]


def test_an_owners_newest_day_is_run_once(settings: Settings, made: list[object]) -> None:
    bring(settings, FIRST)
    assert prepare_input(settings, "S", None) == FIRST
    finish(settings, FIRST)
    with pytest.raises(
        InputError, match="nothing new has arrived: the night of 2026-03-01 is done"
    ) as raised:
        prepare_input(settings, "S", None)
    assert str(settings.path(settings.lake.landing) / "events") in str(raised.value)
    assert prepare_input(settings, "S", FIRST) == FIRST, "a date that was asked for is run again"
    bring(settings, SECOND)
    assert prepare_input(settings, "S", None) == SECOND
    assert not made


def test_a_demo_shop_gets_a_new_day_when_its_last_one_is_done(settings: Settings, made: list[object]) -> None:
    bring(settings, FIRST)
    truth = settings.path(settings.lake.truth)
    truth.mkdir(parents=True)
    (truth / "plan.json").write_text("{}")
    assert prepare_input(settings, "S", None) == FIRST and not made
    finish(settings, FIRST)
    assert prepare_input(settings, "S", None) == SECOND
    assert made == ["day"]

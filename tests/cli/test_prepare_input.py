"""`handpick run` chooses the newest day with input that is not done; only demo shops get demo data."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from handpick.cli.prepare_input import prepare_input
from handpick.demo import next_day
from handpick.demo.parameters import DEFAULT_END
from handpick.errors import InputError, MissingPartition
from handpick.ledger.flows import StageResult
from handpick.night import Night
from handpick.pipeline.registry import list_nightly_names
from handpick.pipeline.runner import run_stage
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
    """Let all stages of a night have a result."""
    for stage in list_nightly_names():
        file = Night(settings, day).result_file(stage)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(StageResult(stage, day, "", (), "").to_json())


def test_without_input_a_demo_shop_is_made_if_it_is_asked_for(settings: Settings, made: list[object]) -> None:
    with pytest.raises(InputError, match=r"there is no input: .* --rung S") as raised:
        prepare_input(settings, None, None)
    assert str(settings.path(settings.lake.landing) / "events") in str(raised.value) and not made
    assert prepare_input(settings, "XS", None) == DEFAULT_END
    assert prepare_input(settings, "XS", SECOND) == SECOND
    assert made == [("shop", "XS", DEFAULT_END), ("shop", "XS", SECOND)]


@pytest.mark.parametrize("has_shop", [False, True])
def test_a_demo_shop_is_made_and_continued_only_without_a_serving_database(
    settings: Settings, made: list[object], has_shop: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if has_shop:
        bring(settings, FIRST)
        settings.path(settings.lake.truth).mkdir(parents=True)
        (settings.path(settings.lake.truth) / "plan.json").write_text("{}")
    monkeypatch.setenv("HANDPICK__SERVING__DSN", "postgresql://me:hunter2@db/x")
    with pytest.raises(
        InputError, match=r"no demo shop is made here: serving\.dsn names a database"
    ) as raised:
        prepare_input(load(), "XS", None)
    assert not made and "hunter2" not in str(raised.value)
    monkeypatch.setenv("HANDPICK__SERVING__ALLOW_DEMO", "true")
    assert prepare_input(load(), "XS", None) == FIRST


def test_no_demo_shop_is_made_among_the_nights_of_another(settings: Settings, made: list[object]) -> None:
    Night(settings, FIRST).lake.partition("raw/events", FIRST).mkdir(parents=True)
    with pytest.raises(InputError, match="holds nights of another shop"):
        prepare_input(settings, "XS", None)
    assert not made


def test_no_demo_shop_is_made_without_a_settings_file(
    settings: Settings, made: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HANDPICK_CONFIG")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    (tmp_path / "handpick.toml").unlink()
    with pytest.raises(InputError, match=r"there is no handpick\.toml"):
        prepare_input(settings, "XS", None)
    assert not made


def test_configured_sources_never_get_demo_data(
    settings: Settings, made: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDPICK__SOURCES__EVENTS__PATH", "exports/events")
    with pytest.raises(InputError, match="no file of any source"):
        prepare_input(load(), "XS", None)
    assert not made


def test_a_report_alone_does_not_make_a_night_done(settings: Settings, made: list[object]) -> None:
    bring(settings, FIRST)
    with pytest.raises(MissingPartition, match="no stage has run for 2026-03-01"):
        run_stage("report", Night(settings, FIRST))
    finish(settings, FIRST)
    Night(settings, FIRST).result_file("publish").unlink()
    assert prepare_input(settings, None, None) == FIRST, "it is still to be run"


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
    assert prepare_input(settings, None, None) == FIRST and not made
    finish(settings, FIRST)
    assert prepare_input(settings, None, None) == SECOND
    assert made == ["day"]

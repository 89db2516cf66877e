"""People start, stop and promote experiments with a reason, and only for nights that have no lists yet."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from handpick.dataset.experiments.actions import (
    ACTIONS_FILE,
    find_promoted,
    find_running,
    read_actions,
    record_action,
)
from handpick.errors import DamagedData, InputError, NightStopped
from handpick.night import Night
from handpick.settings.load import Settings

SAID: dict[str, Any] = {"who": "Ada", "why": "a try"}
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 5)


def make_settings(home: Path, **keys: Any) -> Settings:
    variants = [{"name": "control", "share": 0.5}, {"name": "popular", "share": 0.5, "is_holdout": True}]
    experiment = {"name": "holdout", "starts_on": FIRST, "ends_on": LAST, "variants": variants, **keys}
    return Settings(home=home, experiments=[experiment])


def runs_on(settings: Settings) -> list[int]:
    days = [FIRST.replace(day=day) for day in range(1, 8)]
    return [day.day for day in days if find_running(Night(settings, day))]


def write_lists(settings: Settings, day: date) -> None:
    Night(settings, day).lake.write("lists/recommendations", day, pa.table({"user_id": ["u"]}))


def test_an_experiment_runs_from_its_start_to_its_last_day(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    assert runs_on(settings) == []  # declared only
    assert record_action(settings, "holdout", "start", **SAID).night == FIRST
    assert runs_on(settings) == [1, 2, 3, 4, 5]


def test_a_stop_counts_from_the_first_night_without_lists(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    record_action(settings, "holdout", "start", **SAID)
    write_lists(settings, FIRST.replace(day=2))
    assert record_action(settings, "holdout", "stop", **SAID).night.day == 3
    assert runs_on(settings) == [1, 2]  # a night that is run again sees what it saw


def test_a_promotion_is_kept_with_who_and_why(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    record_action(settings, "holdout", "start", **SAID)
    record_action(settings, "holdout", "promote", variant="popular", day=FIRST.replace(day=4), **SAID)
    assert runs_on(settings) == [1, 2, 3]
    assert not find_promoted(Night(settings, FIRST))
    ((experiment, action),) = find_promoted(Night(settings, LAST))
    assert (experiment.name, action.variant, action.who, action.why) == ("holdout", "popular", "Ada", "a try")


def test_settings_that_change_under_a_running_experiment_stop_the_night(tmp_path: Path) -> None:
    record_action(make_settings(tmp_path), "holdout", "start", **SAID)
    changed = make_settings(tmp_path, share=0.5)
    with pytest.raises(NightStopped, match="changed after it was started"):
        find_running(Night(changed, FIRST))
    record_action(changed, "holdout", "stop", **SAID)
    assert runs_on(changed) == []


@pytest.mark.parametrize(
    ("before", "action", "keys", "problem"),
    [
        ([], "start", {"name": "other"}, "no experiment 'other'"),
        ([], "start", {"why": " "}, "--who and --why"),
        ([], "stop", {}, "has not been started"),
        (["start"], "start", {}, "started already"),
        (["start", "stop"], "stop", {}, "has ended"),
        (["start"], "promote", {"variant": "best"}, "no variant 'best'"),
        (["start"], "stop", {"day": date(2026, 2, 1)}, "first one that can still change"),
    ],
)
def test_what_cannot_follow_is_refused(
    tmp_path: Path, before: list[str], action: str, keys: dict[str, Any], problem: str
) -> None:
    settings = make_settings(tmp_path)
    for one in before:
        record_action(settings, "holdout", one, **SAID)
    given = {**SAID, **keys}
    with pytest.raises(InputError, match=problem):
        record_action(settings, given.pop("name", "holdout"), action, **given)
    assert len(read_actions(Night(settings, FIRST).lake)) == len(before)


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    settings = make_settings(tmp_path)
    record_action(settings, "holdout", "start", **SAID)
    lake = Night(settings, FIRST).lake
    (lake.root / ACTIONS_FILE).write_text("{half")
    with pytest.raises(DamagedData, match="line 1 is damaged"):
        read_actions(lake)

"""What users did is attributed to the lists that they were served, counted from their first exposure, and compared."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from handpick.dataset.experiments.actions import record_action
from handpick.dataset.experiments.measurement import measure_experiments
from handpick.dataset.experiments.outcomes import OUTCOMES, collect_outcomes
from handpick.dataset.experiments.summary import summarize_experiments
from handpick.ledger.flows import StageResult
from handpick.night import Night
from handpick.settings.load import Settings
from handpick.stages.report.experiments import update_experiments

FIRST = date(2026, 3, 1)
USERS = [f"u{number:03}" for number in range(200)]
VARIANT = {user: ("control", "other")[place % 2] for place, user in enumerate(USERS)}
Event = tuple[str, str, str, date, str | None]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    variants = [{"name": "control", "share": 0.5}, {"name": "other", "share": 0.5, "is_holdout": True}]
    dates = {"starts_on": FIRST, "ends_on": FIRST + timedelta(days=6)}
    made = Settings(home=tmp_path, experiments=[{"name": "tried", "variants": variants, **dates}])
    record_action(made, "tried", "start", who="Ada", why="a try")
    return made


def write_night(settings: Settings, day: date, events: list[Event], joint: str = "") -> Night:
    """Write a night's lists (phones p1 and p2 for everybody), its publish result and the events that landed."""
    night = Night(settings, day)
    lists = [
        {"user_id": user, "item_id": item, "experiment": joint + "tried", "variant": joint + VARIANT[user]}
        for user in USERS
        for item in ("p1", "p2")
    ]
    night.lake.write("lists/recommendations", day, pa.Table.from_pylist(lists))
    file = night.result_file("publish")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(StageResult("publish", day, "", (), "", notes={"version": day.day}).to_json())
    rows = {
        "user_id": pa.array([event[0] for event in events], pa.string()),
        "item_id": pa.array([event[2] for event in events], pa.string()),
        "event_type": pa.array([event[1] for event in events], pa.string()),
        "value": pa.array([9.5] * len(events), pa.float64()),
        "occurred_at": pa.array(
            [datetime.combine(event[3], datetime.min.time()) for event in events], pa.timestamp("us", "UTC")
        ),
        "list_version": pa.array([event[4] for event in events], pa.string()),
    }
    night.lake.write("marts/fct_interactions", day, pa.table(rows))
    night.lake.write(OUTCOMES, day, collect_outcomes(night))
    return night


def days_after(number: int) -> date:
    return FIRST + timedelta(days=number)


def measure(night: Night, metric: str = "conversion") -> dict[str, Any]:
    rows = [row for row in measure_experiments(night).to_pylist() if row["metric"] == metric]
    return max(rows, key=lambda row: (row["slice"] == "all", row["event_date"]))


def test_purchases_count_from_the_day_after_the_first_lists(settings: Settings) -> None:
    write_night(settings, FIRST, [("u000", "purchase", "p9", FIRST, None)])
    visits: list[Event] = [(user, "view", "p9", days_after(1), None) for user in USERS]
    bought: list[Event] = [("u000", "purchase", "p1", days_after(1), None)]
    bought += [(user, "purchase", "p9", days_after(1), None) for user in USERS[1:80:2]]
    night = write_night(settings, days_after(1), visits + bought)
    found = measure(night)
    assert (found["users"], found["control_users"]) == (100, 100)
    assert (found["mean"], found["control_mean"]) == (0.40, 0.01)
    assert found["role"] == "decides"
    listed = measure(night, "list_conversion")
    assert (listed["mean"], listed["control_mean"]) == (0.0, 0.01)  # p9 stands on no list
    assert measure(night, "revenue")["mean"] == pytest.approx(0.40 * 9.5)


def test_versions_that_come_back_decide_who_was_exposed_and_to_which_lists(settings: Settings) -> None:
    write_night(settings, FIRST, [])
    seen: list[Event] = [(user, "impression", "p1", days_after(1), "1") for user in USERS[:120]]
    others: list[Event] = [(user, "view", "p1", days_after(1), None) for user in USERS[120:]]
    before: list[Event] = [("u001", "purchase", "p2", days_after(0), None)]
    unknown: list[Event] = [("u199", "impression", "p1", days_after(1), "77")]
    found = measure(write_night(settings, days_after(1), [*seen, *others, *before, *unknown]))
    assert (found["users"], found["control_users"]) == (60, 60)
    assert found["mean"] == 0


def test_a_late_event_counts_on_its_own_day(settings: Settings) -> None:
    write_night(settings, FIRST, [])
    write_night(settings, days_after(1), [(user, "view", "p1", days_after(1), None) for user in USERS])
    night = write_night(settings, days_after(2), [("u001", "purchase", "p1", days_after(1), None)])
    rows = [row for row in measure_experiments(night).to_pylist() if row["role"] == "decides"]
    assert [row["mean"] for row in rows] == [0.01, 0.01]
    assert [row["event_date"] for row in rows] == [days_after(1), days_after(2)]


def test_users_of_two_experiments_count_in_each_with_its_own_variant(settings: Settings) -> None:
    write_night(settings, FIRST, [], joint="also+")
    night = write_night(
        settings, days_after(1), [(user, "view", "p1", days_after(1), None) for user in USERS]
    )
    found = measure(night, "views")
    assert (found["users"], found["control_users"], found["mean"]) == (100, 100, 1.0)


def test_past_behaviour_narrows_the_interval(settings: Settings) -> None:
    first = write_night(settings, FIRST, [])
    random = np.random.default_rng(2)
    habit = random.integers(0, 9, len(USERS))
    first.lake.write("marts/mart_user_activity", FIRST, pa.table({"user_id": USERS, "view_count_30d": habit}))
    views: list[Event] = [
        (user, "view", "p1", days_after(1), None)
        for user, usual in zip(USERS, habit.tolist(), strict=True)
        for _ in range(1 + usual)
    ]
    night = write_night(settings, days_after(1), views)
    assert measure(night, "views")["narrowed"] > 0.9  # what they did is what they always do
    slices = {
        row["slice"]: row["users"] + row["control_users"] for row in measure_experiments(night).to_pylist()
    }
    assert slices["new or silent before"] == (habit == 0).sum()
    assert slices["active before"] == (habit > 0).sum()


def test_the_report_says_what_was_found_in_words(settings: Settings) -> None:
    write_night(settings, FIRST, [])
    visits: list[Event] = [(user, "view", "p1", days_after(1), None) for user in USERS]
    night = write_night(settings, days_after(1), visits)
    assert [flow.rows_out for flow in update_experiments(night)] == [200, len(measure_experiments(night))]
    (summary,) = summarize_experiments(night)
    assert summary.state.startswith("runs, night 2 of 7")
    assert "too few" in summary.variants[0].sentence
    some: list[Event] = [
        (user, "purchase", "p1", days_after(2), None) for user in USERS if VARIANT[user] == "other"
    ]
    few: list[Event] = [(user, "purchase", "p1", days_after(2), None) for user in USERS[:40:2]]
    night = write_night(settings, days_after(2), [*some, *few])
    update_experiments(night)
    (summary,) = summarize_experiments(night)
    assert summary.variants[0].is_called
    assert summary.variants[0].sentence.startswith(
        "differs: +400.0 % conversion compared with control, between +1"
    )
    assert summary.warnings == []


def test_a_night_before_any_start_writes_nothing(tmp_path: Path) -> None:
    night = Night(Settings(home=tmp_path), FIRST)
    assert update_experiments(night) == ()
    assert night.lake.list_tables(("experiments",)) == []

"""Weights of interactions: event types, positions, bots, and the propensity curve."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handpick.runtime.dataframes import DataFrame
from handpick.settings.transform import TransformSettings
from handpick.stages.transform.interactions import (
    add_weights,
    attribute_positions,
    count_positions,
    fit_position_exponent,
    flag_bots,
    select_carried,
)

from .conftest import FIRST, Frames, collect, moment

EVENTS = (
    "event_id string, user_id string, item_id string, event_type string, value double, occurred_at "
    "timestamp, "
    "session_id string, list_version string"
)
WEIGHTS = TransformSettings().weights


def events(frames: Frames, *rows: tuple[str, str, str, str, float | None, int]) -> DataFrame:
    """Events of (id, user, item, type, value, second of the night), all of one session."""
    start = moment(FIRST, 9)
    return frames.make(
        [
            (name, user, item, kind, value, start + timedelta(seconds=second), "s", None)
            for name, user, item, kind, value, second in rows
        ],
        EVENTS,
    )


def by_event(rows: DataFrame, column: str) -> dict[str, Any]:
    return {row.event_id: row[column] for row in collect(rows)}


def test_an_event_belongs_to_the_last_impression_of_its_phone_before_it(frames: Frames) -> None:
    rows = attribute_positions(
        events(
            frames,
            ("i1", "u1", "p1", "impression", 7.0, 0),
            ("v1", "u1", "p1", "view", None, 5),
            ("i2", "u1", "p1", "impression", 2.0, 10),
            ("v2", "u1", "p1", "view", None, 15),
            ("v3", "u1", "p2", "view", None, 16),
            ("v4", "u2", "p1", "view", None, 17),
            ("i3", "u1", "p3", "impression", 5000.0, 20),
            ("i4", "u1", "p4", "impression", None, 21),
        )
    )
    assert by_event(rows, "shown_position") == {
        "i1": None, "v1": 7, "i2": None, "v2": 2, "v3": None, "v4": None, "i3": None, "i4": None,
    }  # fmt: skip
    shown = by_event(rows, "position")
    assert (shown["i1"], shown["i3"], shown["i4"], shown["v1"]) == (7, 100, None, None)


def test_a_click_far_down_counts_more_up_to_the_boost_and_only_where_interest_shows(
    frames: Frames,
) -> None:
    rows = attribute_positions(
        events(
            frames,
            ("i1", "u1", "p1", "impression", 4.0, 0),
            ("v1", "u1", "p1", "view", None, 1),
            ("i2", "u1", "p2", "impression", 90.0, 2),
            ("c2", "u1", "p2", "cart", None, 3),
            ("r2", "u1", "p2", "return", None, 4),
            ("v3", "u1", "p3", "view", None, 5),
            ("s1", "u1", "p1", "rating", 1.0, 6),
            ("s5", "u1", "p1", "rating", 9.0, 7),
            ("s0", "u1", "p1", "rating", None, 8),
        )
    )
    found = by_event(add_weights(flag_bots(rows, 500), WEIGHTS, exponent=0.5, max_boost=4.0), "weight")
    assert found == {
        "i1": 0.0, "i2": 0.0, "v1": 2.0, "c2": 12.0, "r2": -4.0, "v3": 1.0, "s1": -2.0, "s5": 2.0, "s0": 0.0,
    }  # fmt: skip


def test_a_user_who_acts_more_than_a_person_could_is_marked_for_the_night(frames: Frames) -> None:
    busy = [(f"b{n}", "bot", "p1", "view", None, n) for n in range(11)]
    shown = [(f"i{n}", "u1", "p1", "impression", 1.0, n) for n in range(30)]
    later = ("b-later", "bot", "p2", "view", None, 7200)
    rows = flag_bots(events(frames, *busy, later, *shown), 10)
    marks = {row.user_id: row.is_bot for row in collect(rows.select("user_id", "is_bot").distinct())}
    assert marks == {"bot": True, "u1": False}


def test_clicks_are_counted_by_the_place_that_led_to_them_without_bots(frames: Frames) -> None:
    rows = attribute_positions(
        events(
            frames,
            ("i1", "u1", "p1", "impression", 1.0, 0),
            ("i2", "u1", "p2", "impression", 2.0, 0),
            ("v2", "u1", "p2", "view", None, 1),
            ("i3", "u2", "p2", "impression", 2.0, 0),
            ("c2", "u1", "p2", "cart", None, 2),
            ("ib", "bot", "p1", "impression", 1.0, 0),
            ("vb", "bot", "p1", "view", None, 1),
            ("vc", "bot", "p1", "view", None, 2),
            ("vd", "bot", "p1", "view", None, 3),
        )
    )
    found = collect(count_positions(flag_bots(rows, 2)))
    assert sorted(tuple(row) for row in found) == [(1, 1, 0), (2, 2, 1)]


def test_purchases_and_what_may_go_on_are_kept_for_later_nights(frames: Frames) -> None:
    rows = flag_bots(
        events(
            frames,
            ("v1", "u1", "p1", "view", None, 0),
            ("b1", "u1", "p1", "purchase", None, 1),
            ("v2", "u1", "p2", "view", None, 60),
            ("i2", "u2", "p2", "impression", 1.0, 61),
            ("b2", "bot", "p2", "purchase", None, 62),
            ("vb", "bot", "p2", "view", None, 63),
            ("vc", "bot", "p2", "view", None, 64),
            ("vd", "bot", "p2", "view", None, 65),
        ),
        3,
    )
    kept = collect(select_carried(rows, moment(FIRST, 9, 1)))
    assert sorted(row.event_id for row in kept) == ["b1", "i2", "v2"]


@given(st.floats(0, 2), st.integers(3, 20))
def test_the_exponent_of_a_curve_is_found_from_its_clicks(exponent: float, places: int) -> None:
    shown = 10**9
    counts = [(place, shown, round(0.5 * shown * place**-exponent)) for place in range(1, places + 1)]
    assert fit_position_exponent(counts, 500, 0.5) == pytest.approx(exponent, abs=1e-3)
    split = [
        (place, half, clicks // 2) for place, half, clicks in counts for half in (shown // 2, shown // 2)
    ]
    assert fit_position_exponent(split, 500, 0.5) == pytest.approx(exponent, abs=1e-3)


def test_too_few_impressions_leave_the_exponent_at_its_default() -> None:
    assert fit_position_exponent([(1, 900, 90), (2, 900, 50), (3, 499, 20)], 500, 0.5) == 0.5

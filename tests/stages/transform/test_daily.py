"""Daily counts: late events count on the day on which they happened, and nights only add to counts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from handpick.runtime.dataframes import DataFrame
from handpick.stages.transform.daily_counts import count_by_item, count_by_user

from .conftest import FIRST, SECOND, Frames, collect, moment

EVENTS = "user_id string, item_id string, event_type string, value double, occurred_at timestamp"
YESTERDAY = FIRST - timedelta(days=1)


def events(frames: Frames) -> DataFrame:
    rows: list[Any] = [
        ("u1", "a", "view", None, moment(FIRST, 9)),
        ("u1", "a", "view", None, moment(FIRST, 23, 59, 59)),
        ("u1", "a", "view", None, moment(YESTERDAY, 1)),
        ("u1", "b", "impression", 3.0, moment(FIRST, 9)),
        ("u2", "a", "rating", 4.5, moment(FIRST, 9)),
        ("u2", "a", "rating", 1.0, moment(FIRST, 10)),
        ("u2", "gone", "view", None, moment(FIRST, 10)),
    ]
    return frames.make(rows, EVENTS)


def test_a_late_event_counts_on_the_day_on_which_it_happened(frames: Frames) -> None:
    found = {(row.item_id, row.event_date): row for row in collect(count_by_item(events(frames)))}
    assert found["a", FIRST].view_count == 2
    assert found["a", YESTERDAY].view_count == 1
    assert (found["a", FIRST].rating_count, found["a", FIRST].rating_sum) == (2, 5.5)
    assert (found["b", FIRST].impression_count, found["b", FIRST].rating_sum) == (1, 0.0)


def test_a_users_day_knows_what_the_phones_looked_at_cost_and_how_often_a_visit_began(
    frames: Frames,
) -> None:
    prices = frames.make([("a", 199.99), ("b", 50.0)], "item_id string, price double")
    starts = frames.make(
        [("u1", "s1", moment(FIRST, 9)), ("u1", "s2", moment(FIRST, 23))],
        "user_id string, session_id string, started_at timestamp",
    )
    found = {
        (row.user_id, row.event_date): row for row in collect(count_by_user(events(frames), prices, starts))
    }
    day = found["u1", FIRST]
    assert (day.view_count, day.viewed_price_sum, day.viewed_price_count, day.session_count) == (
        2,
        399.98,
        2,
        2,
    )
    assert found["u1", YESTERDAY].session_count == 0
    assert (found["u2", FIRST].viewed_price_sum, found["u2", FIRST].viewed_price_count) == (0.0, 0)
    assert all(row.event_date < SECOND for row in found.values())

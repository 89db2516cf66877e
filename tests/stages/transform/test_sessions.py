"""Sessions: a long gap ends them, midnight does not, and the shop's own session ids win."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from handpick.stages.transform.sessions import assign_sessions, find_session_starts

from .conftest import FIRST, SECOND, Frames, collect, moment

EVENTS = "event_id string, user_id string, occurred_at timestamp, session_id string"


def visits(frames: Frames, rows: list[Any], carried: list[Any] | None = None) -> dict[str, str]:
    """The session of each event."""
    before = None if carried is None else frames.make(carried, EVENTS)
    found = collect(assign_sessions(frames.make(rows, EVENTS), before, 30))
    assert len(found) == len(rows)
    return {row.event_id: row.session_id for row in found}


def test_a_silence_longer_than_the_gap_begins_a_new_visit(frames: Frames) -> None:
    start = moment(FIRST, 9)
    minutes = {"a": 0, "b": 30, "c": 60, "d": 91}
    found = visits(frames, [(name, "u1", start + timedelta(minutes=m), None) for name, m in minutes.items()])
    assert found["a"] == found["b"] == found["c"] != found["d"]
    assert found["a"] == f"u1-{int(start.timestamp())}"


def test_the_shops_own_sessions_stay_and_do_not_join_those_without_one(frames: Frames) -> None:
    at = moment(FIRST, 9)
    rows = [("a", "u1", at, "mine"), ("b", "u1", at, None), ("c", "u1", at, " "), ("d", "u2", at, None)]
    found = visits(frames, rows)
    assert found["a"] == "mine"
    assert found["b"] == found["c"] not in ("mine", found["d"])


def test_a_visit_across_midnight_keeps_the_name_that_it_had_last_night(frames: Frames) -> None:
    late = moment(FIRST, 23, 50)
    rows = [("a", "u1", late, None), ("b", "u1", late + timedelta(minutes=5), None)]
    last_night = visits(frames, rows)
    carried = [(name, "u1", at, last_night[name]) for name, _, at, _ in rows]
    tonight = [
        ("c", "u1", moment(SECOND, 0, 10), None),
        ("d", "u1", moment(SECOND, 0, 39), None),
        ("e", "u1", moment(SECOND, 2), None),
        ("f", "u2", moment(SECOND, 0, 10), None),
    ]
    found = visits(frames, tonight, carried)
    whole = visits(frames, rows + tonight)
    assert found["c"] == found["d"] == last_night["a"]
    assert found == {name: whole[name] for name in found}


def test_only_visits_that_begin_tonight_are_counted_as_begun(frames: Frames) -> None:
    events = frames.make(
        [("a", "u1", moment(SECOND, 0, 5), "s1"), ("b", "u1", moment(SECOND, 8), "s2")], EVENTS
    )
    carried = frames.make([("z", "u1", moment(FIRST, 23, 59), "s1")], EVENTS)
    assert [(row.session_id, row.user_id) for row in collect(find_session_starts(events, carried))] == [
        ("s2", "u1")
    ]
    assert len(collect(find_session_starts(events, None))) == 2

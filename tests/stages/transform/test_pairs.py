"""Pairs of phones: the counts that nights add one by one equal those of all nights together."""

from __future__ import annotations

from datetime import timedelta

from handpick.runtime.dataframes import DataFrame
from handpick.stages.transform.item_pairs import count_co_purchases, count_co_views, merge_pair_counts

from .conftest import FIRST, SECOND, Frames, collect, moment

VIEWS = "user_id string, session_id string, item_id string, occurred_at timestamp"
Counts = dict[tuple[str, str], int]


def views(frames: Frames, *rows: tuple[str, str, str, int]) -> DataFrame:
    """Views of (user, session, phone, minutes after 23:00 of the first night)."""
    start = moment(FIRST, 23)
    return frames.make(
        [(user, visit, item, start + timedelta(minutes=minute)) for user, visit, item, minute in rows], VIEWS
    )


def counts(rows: DataFrame, column: str) -> Counts:
    return {(row.item_id, row.other_item_id): row[column] for row in collect(rows)}


def test_phones_of_one_visit_make_a_pair_both_ways_round_and_once_a_visit(frames: Frames) -> None:
    rows = views(
        frames, ("u1", "s1", "a", 0), ("u1", "s1", "b", 1), ("u1", "s1", "b", 2), ("u2", "s2", "a", 0),
        ("u2", "s2", "b", 3), ("u2", "s3", "c", 9),
    )  # fmt: skip
    assert counts(count_co_views(rows, None, 50), "co_view_count") == {("a", "b"): 2, ("b", "a"): 2}


def test_a_visit_over_midnight_adds_tonight_only_what_is_new(frames: Frames) -> None:
    evening = [("u1", "s1", "a", 0), ("u1", "s1", "b", 10)]
    night = [("u1", "s1", "c", 70), ("u1", "s1", "a", 80)]
    first = counts(count_co_views(views(frames, *evening), None, 50), "co_view_count")
    second = counts(count_co_views(views(frames, *night), views(frames, *evening), 50), "co_view_count")
    whole = counts(count_co_views(views(frames, *evening, *night), None, 50), "co_view_count")
    assert ("a", "b") in first and ("a", "b") not in second
    assert {pair: first.get(pair, 0) + second.get(pair, 0) for pair in whole} == whole


def test_a_visit_of_very_many_phones_is_bounded(frames: Frames) -> None:
    rows = views(frames, *(("u1", "s1", f"p{n:02d}", n) for n in range(40)))
    pairs = counts(count_co_views(rows, None, 5), "co_view_count")
    assert len(pairs) == 5 * 4
    assert {item for pair in pairs for item in pair} == {f"p{n:02d}" for n in range(5)}


def test_phones_bought_by_one_user_within_the_time_are_bought_together(frames: Frames) -> None:
    schema = "user_id string, item_id string, occurred_at timestamp"
    then, now = moment(FIRST), moment(SECOND)
    earlier = frames.make(
        [("u1", "a", then), ("u2", "a", then), ("u2", "b", then), ("u3", "a", now - timedelta(days=11))],
        schema,
    )
    tonight = frames.make([("u1", "b", now), ("u2", "b", now), ("u3", "b", now)], schema)
    found = counts(count_co_purchases(tonight, earlier, 10), "co_purchase_count")
    assert found == {("a", "b"): 1, ("b", "a"): 1}, "u2's pair was counted before, u3's is too far apart"


def test_both_kinds_of_pairs_stand_side_by_side(frames: Frames) -> None:
    viewed = count_co_views(views(frames, ("u1", "s1", "a", 0), ("u1", "s1", "b", 1)), None, 50)
    schema = "user_id string, item_id string, occurred_at timestamp"
    bought = count_co_purchases(
        frames.make([("u1", "a", moment(FIRST)), ("u1", "c", moment(FIRST))], schema), None, 10
    )
    rows = {tuple(row) for row in collect(merge_pair_counts(viewed, bought))}
    assert rows == {("a", "b", 1, 0), ("b", "a", 1, 0), ("a", "c", 0, 1), ("c", "a", 0, 1)}

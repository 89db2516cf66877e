"""Training rows are point-in-time correct: each holds what was known at the midnight before its event."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from handpick.dataset.feature_columns import USER_COLUMNS
from handpick.night import Night
from handpick.stages.feature_store import run
from tests.stages.feature_store.conftest import (
    FIRST,
    SECOND,
    Nights,
    Shop,
    midnight,
    read_training,
    settings_in,
)


def test_every_training_row_is_what_was_known_at_the_midnight_before_the_event(
    two_nights: Nights, shop: Shop
) -> None:
    rows = read_training(two_nights[1])
    assert len(rows) == sum(event[2] != "query" for event in shop.events)
    for row in rows:
        at = row["event_timestamp"]
        assert isinstance(at, datetime)
        expected = shop.activity(str(row["user_id"]), midnight(at.date()))
        # Between active days, mean price and brands stay what they were on the last one.
        exact = [
            name for name in USER_COLUMNS if name not in ("mean_viewed_price_30d", "distinct_brand_count_30d")
        ]
        assert {name: row[name] for name in exact} == {name: expected[name] for name in exact}, row[
            "event_id"
        ]
        assert (row["mean_viewed_price_30d"] is None) == (expected["mean_viewed_price_30d"] is None)
        if row["days_since_last_event"] == 0:
            assert row["distinct_brand_count_30d"] == expected["distinct_brand_count_30d"]
            assert row["mean_viewed_price_30d"] == pytest.approx(expected["mean_viewed_price_30d"])


def test_what_depends_on_the_phone_is_as_of_the_event(two_nights: Nights, shop: Shop) -> None:
    row = next(
        row
        for row in read_training(two_nights[1])
        if row["event_timestamp"] == midnight(SECOND) + timedelta(hours=9)
    )
    # The price of that phone fell at noon, three hours after the event.
    assert row["price_gap_to_owned"] == pytest.approx((shop.price[shop.items[0]] - 150.0) / 150.0)
    assert row["phone_age_days"] == pytest.approx(60 + 9 / 24)


def test_a_feature_of_one_second_after_the_event_is_not_seen(tmp_path: Path, shop: Shop) -> None:
    night = Night(settings_in(tmp_path), FIRST)
    shop.write(night)
    plain = _rows_with_history_at(night, None)
    before = _rows_with_history_at(night, timedelta(seconds=0))
    after = _rows_with_history_at(night, timedelta(seconds=1))
    assert before["view_count_all"] == 999_999
    assert after["view_count_all"] == plain["view_count_all"] != 999_999


def _rows_with_history_at(night: Night, delay: timedelta | None) -> dict[str, object]:
    """The training row of one event, with a telling feature row planted so long after it."""
    table, day = "marts/mart_user_activity_history", night.logical_date
    original = night.lake.read(table, day)
    event = night.lake.read("marts/fct_interactions", day).to_pylist()[-2]
    if delay is not None:
        planted = {
            **original.to_pylist()[0],
            "user_id": event["user_id"],
            "event_timestamp": event["occurred_at"] + delay,
            "view_count_all": 999_999,
        }
        night.lake.write(
            table, day, pa.concat_tables([original, pa.Table.from_pylist([planted], original.schema)])
        )
    run(night)
    night.lake.write(table, day, original)
    return next(row for row in read_training(night) if row["event_id"] == event["event_id"])

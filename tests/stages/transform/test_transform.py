"""Whole nights of the transform stage: ledger, reproducible bytes, late rows, and no leakage."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from handpick.errors import MissingPartition
from handpick.lake.partitions import Lake, digest_files
from handpick.night import Night
from handpick.settings.load import Settings
from handpick.stages import transform
from handpick.stages.transform import CLEAN_TABLES

from .conftest import FIRST, ITEMS, SECOND, USERS, moment, write_shop, write_valid

Nights = tuple[Night, Night]
THIRD = SECOND + timedelta(days=1)


def digests(lake: Lake, day: date) -> dict[str, str]:
    return {name: digest_files(lake.partition(f"clean/{name}", day)) for name in CLEAN_TABLES}


def test_every_row_is_accounted_for_and_every_table_is_sorted_by_its_key(nights: Nights) -> None:
    first, second = nights
    for night in nights:
        events = night.lake.read("clean/interactions", night.logical_date)
        assert events.num_rows == night.lake.read("valid/events", night.logical_date).num_rows > 0
        keys = list(
            zip(
                *(events.column(name).to_pylist() for name in ("user_id", "occurred_at", "event_id")),
                strict=True,
            )
        )
        assert keys == sorted(keys)
        assert events.column("session_id").null_count == 0
    assert first.lake.read("clean/items", FIRST).num_rows == ITEMS
    assert second.lake.read("clean/items", SECOND).num_rows == ITEMS + 1
    assert second.lake.read("clean/users", SECOND).num_rows == USERS + 1


def test_a_phone_changes_price_once_and_the_snapshot_has_the_new_one(nights: Nights) -> None:
    _, second = nights
    history = second.lake.read_through("clean/item_price_history", SECOND).to_pylist()
    assert [row["price"] for row in history if row["item_id"] == "p03"] == [230.0, 149.0]
    items = {row["item_id"]: row for row in second.lake.read("clean/items", SECOND).to_pylist()}
    assert (items["p03"]["price"], items["p03"]["battery_mah"]) == (149.0, 3300)


def test_a_night_can_be_run_again_and_gives_the_same_bytes(nights: Nights) -> None:
    for night in nights:
        before = digests(night.lake, night.logical_date)
        transform.run(night)
        assert digests(night.lake, night.logical_date) == before


def test_what_a_night_wrote_does_not_depend_on_later_nights(
    nights: Nights, settings: Settings, tmp_path: Path
) -> None:
    alone = Night(settings.model_copy(update={"home": tmp_path}), FIRST)
    write_shop(alone.lake)
    transform.run(alone)
    assert digests(alone.lake, FIRST) == digests(nights[0].lake, FIRST)


def test_a_late_event_adds_to_its_own_day_and_leaves_earlier_partitions_alone(
    nights: Nights, settings: Settings, tmp_path: Path
) -> None:
    night = Night(settings.model_copy(update={"home": tmp_path}), SECOND)
    write_shop(night.lake)
    transform.run(Night(night.settings, FIRST))
    before = digests(night.lake, FIRST)
    late = {"user_id": "u01", "item_id": "p01", "event_type": "view"}
    rows = [
        {**late, "event_id": "late", "occurred_at": moment(FIRST, 13)},
        {**late, "event_id": "new", "occurred_at": moment(SECOND, 13)},
    ]
    write_valid(night.lake, "events", SECOND, rows)
    transform.run(night)
    assert digests(night.lake, FIRST) == before
    added = night.lake.read("clean/item_daily", SECOND).to_pylist()
    assert [(row["item_id"], row["event_date"], row["view_count"]) for row in added] == [
        ("p01", FIRST, 1), ("p01", SECOND, 1),
    ]  # fmt: skip
    both = night.lake.read_through("clean/item_daily", SECOND).to_pylist()
    seen = [row["view_count"] for row in both if (row["item_id"], row["event_date"]) == ("p01", FIRST)]
    once = night.lake.read("clean/item_daily", FIRST).to_pylist()
    assert sum(seen) == 1 + sum(
        row["view_count"] for row in once if (row["item_id"], row["event_date"]) == ("p01", FIRST)
    )


def test_a_night_without_events_writes_every_table(nights: Nights) -> None:
    night = Night(nights[0].settings, THIRD)
    for source in ("catalog", "users", "events", "queries"):
        write_valid(night.lake, source, THIRD, [])
    result = transform.run(night)
    assert {flow.source: flow.rows_out for flow in result.flows} == {
        "items": ITEMS + 1, "users": USERS + 1, "queries": 0, "interactions": 0, "item pairs": 0,
    }  # fmt: skip
    assert all(night.lake.has(f"clean/{name}", THIRD) for name in CLEAN_TABLES)


def test_a_night_that_was_not_validated_says_what_to_run(nights: Nights) -> None:
    with pytest.raises(MissingPartition, match="handpick validate --date 2026-02-01"):
        transform.run(Night(nights[0].settings, date(2026, 2, 1)))


def test_the_schemas_on_disk_are_the_ones_declared(nights: Nights) -> None:
    from handpick.stages.transform import (
        catalog,
        daily_counts,
        interactions,
        item_pairs,
        prices,
        queries,
        users,
    )

    declared = {
        "items": catalog.ITEM_SCHEMA, "users": users.USER_SCHEMA, "interactions": interactions.INTERACTION_SCHEMA,
        "queries": queries.QUERY_SCHEMA, "item_pairs": item_pairs.PAIR_SCHEMA, "item_daily": daily_counts.ITEM_DAILY_SCHEMA,
        "user_daily": daily_counts.USER_DAILY_SCHEMA, "item_price_history": prices.PRICE_HISTORY_SCHEMA,
        "position_counts": interactions.POSITION_COUNT_SCHEMA, "carried": interactions.CARRIED_SCHEMA,
    }  # fmt: skip
    assert set(declared) == set(CLEAN_TABLES)
    for name, schema in declared.items():
        found: pa.Schema = nights[0].lake.read(f"clean/{name}", FIRST).schema
        assert found.remove_metadata() == schema, name

"""The marts of two nights, compared with values computed in plain Python."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import duckdb
import pytest

from handpick.lake.partitions import digest_files
from handpick.ledger.flows import Flow
from handpick.night import Night
from handpick.stages.warehouse import run
from handpick.stages.warehouse.dbt_runner import run_dbt
from handpick.stages.warehouse.marts import MARTS
from handpick.stages.warehouse.project import build_environment, set_environment
from tests.stages.feature_store import conftest as features
from tests.stages.warehouse.conftest import BEGINNING, FIRST, SECOND, WINDOWS, Shop, midnight

Nights = tuple[Night, Night]


def mart(night: Night, name: str) -> list[dict[str, Any]]:
    """The rows of one mart of one night."""
    rows: list[dict[str, Any]] = night.lake.read(f"marts/{name}", night.logical_date).to_pylist()
    return rows


def warehouse(night: Night, query: str) -> list[tuple[Any, ...]]:
    """The rows of a query on the DuckDB file."""
    with duckdb.connect(str(night.settings.path(night.settings.warehouse.path)), read_only=True) as db:
        rows: list[tuple[Any, ...]] = db.execute(query).fetchall()
    return rows


@pytest.mark.parametrize("day", [FIRST, SECOND])
def test_activity_is_counted_in_whole_days_up_to_the_night(two_nights: Nights, shop: Shop, day: date) -> None:
    night = two_nights[day == SECOND]
    rows = mart(night, "mart_user_activity")
    assert [row.pop("user_id") for row in rows] == shop.users
    for user, row in zip(shop.users, rows, strict=True):
        assert row.pop("as_of_date") == day
        assert row == pytest.approx(shop.activity(user, day, day)), user


@pytest.mark.parametrize("day", [FIRST, SECOND])
def test_history_has_the_active_days_that_a_night_changed_as_of_their_ends(
    two_nights: Nights, shop: Shop, day: date
) -> None:
    changed: set[tuple[str, date]] = set()
    active = {(e.user, e.day) for e in shop.known(day) if e.kind != "impression"}
    for user in shop.users:
        fresh = [
            e.day for e in shop.known(day) if e.user == user and e.night == day and e.kind != "impression"
        ]
        # A late event also changes what was counted on later days.
        changed |= {(who, when) for who, when in active if who == user and fresh and when >= min(fresh)}
    rows = mart(two_nights[day == SECOND], "mart_user_activity_history")
    assert [(row["user_id"], row["as_of_date"]) for row in rows] == sorted(changed)
    for row in rows:
        user, when = row.pop("user_id"), row.pop("as_of_date")
        assert row.pop("event_timestamp") == midnight(when) + timedelta(days=1)
        assert row == pytest.approx(shop.activity(user, when, day)), (user, when)


def test_a_late_event_lands_in_its_own_day(two_nights: Nights, shop: Shop) -> None:
    late = [event for event in shop.events if event.night == SECOND and event.day < SECOND]
    assert any(event.kind == "view" for event in late)
    rows = {(row["user_id"], row["as_of_date"]) for row in mart(two_nights[1], "mart_user_activity_history")}
    assert {(e.user, e.day) for e in late if e.kind != "impression" and not e.is_bot} <= rows


def test_item_statistics_count_every_phone(two_nights: Nights, shop: Shop) -> None:
    rows = mart(two_nights[1], "mart_item_statistics")
    assert [row["item_id"] for row in rows] == shop.items
    for row in rows:
        past = [event for event in shop.known(SECOND) if event.item == row["item_id"]]
        for kind in ("impression", "view", "cart", "purchase", "return"):
            for window, days in WINDOWS.items():
                since = SECOND - timedelta(days=days - 1)
                expected = sum(event.kind == kind and event.day >= since for event in past)
                assert row[f"{kind}_count_{window}"] == expected
        stars = [event.value or 0 for event in past if event.kind == "rating"]
        assert row["rating_mean"] == (pytest.approx(sum(stars) / len(stars)) if stars else None)
        shown = row["impression_count_30d"]
        assert row["view_rate_30d"] == (pytest.approx(row["view_count_30d"] / shown) if shown else None)
        number = shop.items.index(row["item_id"])
        released = FIRST if number % 2 else BEGINNING + timedelta(days=number)
        assert row["days_on_sale"] == (SECOND - released).days + 1
        fell = (77.5 - 100.25) / 100.25
        assert row["price_change_30d"] == pytest.approx(fell if number == 0 else 0.0)


def test_facts_are_tonights_events_of_people(two_nights: Nights, shop: Shop) -> None:
    for night in two_nights:
        fresh = [event for event in shop.known(night.logical_date) if event.night == night.logical_date]
        facts = mart(night, "fct_interactions")
        assert {row["event_id"] for row in facts} == {f"e{e.number:04d}" for e in fresh if e.kind != "query"}
        asked = mart(night, "fct_queries")
        assert {row["query_id"] for row in asked} == {f"q{e.number:04d}" for e in fresh if e.kind == "query"}
    assert facts == sorted(facts, key=lambda row: (row["user_id"], row["occurred_at"], row["event_id"]))
    assert all(row["occurred_at"].microsecond == 137 for row in facts)


def test_a_user_is_cold_or_query_only_by_what_they_did(two_nights: Nights, shop: Shop) -> None:
    rows = {row["user_id"]: row for row in mart(two_nights[1], "dim_user")}
    for user, row in rows.items():
        own = [event for event in shop.known(SECOND) if event.user == user]
        events = sum(event.kind not in ("impression", "query") for event in own)
        queries = sum(event.kind == "query" for event in own)
        assert (row["event_count"], row["query_count"]) == (events, queries)
        assert row["is_cold"] == (events == 0)
        assert row["is_query_only"] == (events == 0 and queries > 0)
    assert rows[shop.users[-2]]["is_query_only"]
    assert rows[shop.users[-1]]["is_cold"]


def test_pairs_are_added_up_over_the_nights(two_nights: Nights) -> None:
    assert [row["co_view_count"] for row in mart(two_nights[0], "mart_item_pairs")] == [3, 3]
    assert [row["co_purchase_count"] for row in mart(two_nights[1], "mart_item_pairs")] == [2, 2]


def test_the_warehouse_keeps_the_ledger_of_every_night(two_nights: Nights) -> None:
    kept = warehouse(
        two_nights[1], "SELECT night_date, source_name, reason, reason_rows FROM warehouse.mart_ledger"
    )
    assert {row[0] for row in kept} == {FIRST, SECOND}
    assert {row[1:] for row in kept} >= {("queries", "too old", 2), ("items", None, 0)}


def test_the_partitions_have_the_columns_and_types_that_features_reads(two_nights: Nights) -> None:
    wanted = {
        "mart_user_activity": features.ACTIVITY,
        "mart_user_activity_history": features.HISTORY,
        "mart_item_statistics": features.STATISTICS,
        "fct_interactions": features.FACTS,
        "fct_queries": features.QUERIES,
        "dim_item": features.ITEMS,
    }
    for name, schema in wanted.items():
        written = two_nights[1].lake.read(f"marts/{name}", SECOND).schema
        assert {column: written.field(column).type for column in schema.names} == {
            field.name: field.type for field in schema
        }, name


def test_an_old_night_can_be_run_again_and_sees_no_row_of_a_later_one(two_nights: Nights) -> None:
    first, second = two_nights
    folders = [night.lake.partition(one.table, night.logical_date) for night in two_nights for one in MARTS]
    before = [digest_files(folder) for folder in folders]
    counts = "SELECT logical_date, count(*) FROM warehouse.fct_interactions GROUP BY 1 ORDER BY 1"
    both = warehouse(second, counts)
    digests = [run(first).digest]
    assert warehouse(first, counts) == both[:1]
    # A night whose warehouse was never built, here the first, is not left out of the tables for good.
    with duckdb.connect(str(first.settings.path(first.settings.warehouse.path))) as db:
        db.execute("DELETE FROM warehouse.fct_interactions")
    digests.append(run(second).digest)
    assert warehouse(second, counts) == both
    assert [digest_files(folder) for folder in folders] == before
    assert digests[0] != digests[1]


def test_the_ledger_says_how_many_rows_bots_made(two_nights: Nights, shop: Shop) -> None:
    flows = {flow.source: flow for flow in two_nights[0].result("warehouse").flows}
    bots = sum(e.is_bot and e.kind != "query" and e.night == FIRST for e in shop.events)
    landed = sum(e.kind != "query" and e.night == FIRST for e in shop.events)
    assert flows["interactions"] == Flow("interactions", landed, landed - bots, {"bot": bots})


def test_dbts_own_unit_tests_hold(two_nights: Nights) -> None:
    night = two_nights[1]
    with set_environment(build_environment(night.settings, night.logical_date)):
        outcome = run_dbt(night.settings, "test", "--select", "test_type:unit")
    assert outcome.success, outcome.exception or outcome.result

"""Validation: every row is written once, as valid or as quarantined with its reasons."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from handpick.contracts import CONTRACTS
from handpick.errors import NightStopped
from handpick.lake.partitions import digest_files
from handpick.night import Night
from handpick.stages import land, validate

from .conftest import DAY, bring, event, item, query, shop, user

MakeNight = Callable[..., Night]
NEXT = DAY + timedelta(days=1)
LOOSE = {"stop_share": 1.0}


def reasons(night: Night, source: str) -> dict[str, list[str]]:
    """Broken rules by the row's key."""
    rows = night.lake.read(f"quarantine/{source}", night.logical_date).to_pylist()
    return {row[CONTRACTS[source].key[0]] or row["_raw"]: row["_rules"] for row in rows}


def valid(night: Night, source: str) -> list[dict[str, Any]]:
    return night.lake.read(f"valid/{source}", night.logical_date).to_pylist()


@pytest.fixture
def validate_rows(tmp_path: Path, night: MakeNight) -> Callable[..., Any]:
    """Land and validate rows of a day."""

    def land_and_validate(rows: dict[str, Any], day: date = DAY, **settings: Any) -> tuple[Night, Any]:
        bring(tmp_path, rows, day)
        tonight = night(day, validation={**LOOSE, **settings})
        land.run(tonight)
        return tonight, validate.run(tonight)

    return land_and_validate


def test_a_clean_day_is_valid_typed_and_the_same_bytes_when_run_again(validate_rows: Any) -> None:
    night, result = validate_rows(shop())
    assert all(flow.rows_in == flow.rows_out > 0 for flow in result.flows)
    assert night.lake.read("valid/events", DAY).schema.remove_metadata() == CONTRACTS["events"].arrow_schema()
    row = valid(night, "events")[1]
    assert (row["event_type"], row["value"], row["occurred_at"].hour) == ("view", None, 1)
    assert valid(night, "catalog")[0]["release_date"] == date(2025, 5, 1)
    assert valid(night, "users")[0]["consent"] is True
    assert Path(str(result.notes["data_docs_page"])).is_file()
    assert result.notes["expectations_failed"] == []
    assert validate.run(night).digest == result.digest


def test_nothing_is_left_in_the_systems_temporary_folder(
    validate_rows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    _, result = validate_rows(shop())
    assert Path(str(result.notes["data_docs_page"])).is_file()
    assert list(temporary.rglob("*.html")) == []


def test_each_broken_rule_is_named_and_the_row_is_kept_whole(validate_rows: Any) -> None:
    rows = shop()
    rows["events"] += [
        event(100, user_id=None, value="many"),
        event(101, event_type="telepathy"),
        event(102, occurred_at="2026-01-11T00:00:00Z"),
        event(103, occurred_at="12:30"),
        event(104, value="1e999"),
        event(105, value=-3),
        event(106, item_id="p77", user_id="nobody"),
        event(107, occurred_at="0020-01-01T00:00:00Z"),
    ]
    rows["queries"] += [query(10, text=" "), query(11, text="a\x00b")]
    night, result = validate_rows(rows)
    assert reasons(night, "events") == {
        "e100": ["missing user_id", "value is not a number"],
        "e101": ["unknown event_type"],
        "e102": ["occurred_at in the future"],
        "e103": ["occurred_at is not a timestamp"],
        "e104": ["value is not finite"],
        "e105": ["value below 0"],
        "e106": ["user_id unknown in users", "item_id unknown in catalog"],
        "e107": ["occurred_at outside 1970 to 2100"],
    }
    assert reasons(night, "queries") == {
        "q10": ["none of text, image_path, audio_path"],
        "q11": ["NUL character in text"],
    }
    row = next(
        row for row in night.lake.read("quarantine/events", DAY).to_pylist() if row["event_id"] == "e105"
    )
    assert (row["_source_file"], row["_source_line"], row["contract_version"]) == (f"{DAY}.jsonl", 36, "1")
    assert json.loads(row["_values"]) == [{"rule": "value below 0", "column": "value", "value": "-3"}]
    flow = next(flow for flow in result.flows if flow.source == "events")
    assert (flow.rows_in, flow.rows_out, flow.dropped["missing user_id"]) == (38, 30, 1)


def test_a_bad_value_that_only_warns_is_emptied_and_counted_while_the_row_goes_on(validate_rows: Any) -> None:
    rows = shop()
    rows["users"] += [user(7, country="Germany", locale="en-GB")]
    rows["catalog"] += [item(7, release_date="soon", specs="no json", currency="euro")]
    night, result = validate_rows(rows)
    found = next(row for row in valid(night, "users") if row["user_id"] == "u7")
    assert (found["country"], found["locale"]) == (None, "en-GB")
    found = next(row for row in valid(night, "catalog") if row["item_id"] == "p7")
    assert (found["release_date"], found["specs"], found["currency"], found["price"]) == (
        None,
        None,
        None,
        199.5,
    )
    assert result.notes["users: malformed country"] == 1
    assert result.notes["catalog: specs is not a JSON object"] == 1


def test_of_rows_that_share_a_key_the_first_good_one_is_kept(validate_rows: Any) -> None:
    rows = shop()
    rows["events"] = [
        event(50, user_id=None),
        event(50),
        event(50),
        event(50, event_type="cart"),
        *rows["events"],
    ]
    night, result = validate_rows(rows)
    kept = [row for row in valid(night, "events") if row["event_id"] == "e50"]
    assert [(row["_source_line"], row["event_type"]) for row in kept] == [(2, "view")]
    flow = next(flow for flow in result.flows if flow.source == "events")
    assert flow.dropped == {
        "missing user_id": 1,
        "repeated in this night": 1,
        "same key, different content": 1,
    }


def test_rows_of_an_earlier_night_are_set_aside_and_changed_ones_say_so(validate_rows: Any) -> None:
    validate_rows(shop())
    again = {
        "catalog": [item(9, updated_at="2026-01-11T01:00:00Z")],
        "users": [user(0)],
        "events": [
            event(1),
            event(2, event_type="cart"),
            event(900, item_id="p9", occurred_at="2026-01-11T01:00:00Z"),
            event(901, occurred_at="2025-11-11T01:00:00Z"),
        ],
        "queries": [query(900, occurred_at="2026-01-11T01:00:00Z")],
    }
    night, _ = validate_rows(again, NEXT)
    assert reasons(night, "events") == {
        "e1": ["landed on an earlier night"],
        "e2": ["same key, different content"],
        "e901": ["occurred_at more than 30 days late"],
    }
    assert [row["event_id"] for row in valid(night, "events")] == ["e900"]


def test_a_column_that_is_written_another_way_stops_with_the_settings_that_read_it(
    night: MakeNight, tmp_path: Path
) -> None:
    rows = shop()
    rows["events"] = [event(number, occurred_at=f"10.01.2026 {number:02d}:00") for number in range(20)]
    bring(tmp_path, rows)
    land.run(night())
    with pytest.raises(NightStopped, match=r'another way now.*times.occurred_at = "%d.%m.%Y %H:%M"'):
        validate.run(night())


def test_too_many_bad_rows_stop_the_night_in_one_line_that_says_which_and_where(validate_rows: Any) -> None:
    rows = shop()
    rows["users"] += [user(number, consent="perhaps") for number in range(10, 14)]
    with pytest.raises(
        NightStopped, match=r"57% of users \(4 of 7 rows\).*consent is not a boolean.*quarantine/users"
    ):
        validate_rows(rows, stop_share=0.2)
    with pytest.raises(NightStopped, match=r"'consent is not a boolean', whose limit is 10\.0%"):
        validate_rows(rows, stop_shares_by_rule={"consent is not a boolean": 0.1})


def test_one_bad_row_of_a_few_does_not_stop_the_night_by_its_share(validate_rows: Any) -> None:
    rows = shop()
    rows["users"] = [*rows["users"][:3], user(10, consent="perhaps")]
    _, result = validate_rows(rows, stop_share=0.2)
    users = next(flow for flow in result.flows if flow.source == "users")
    assert (users.rows_in, users.dropped) == (4, {"consent is not a boolean": 1})
    with pytest.raises(NightStopped, match=r"25% of users \(1 of 4 rows\)"):
        validate_rows(rows, stop_share=0.2, stop_min_rows=1)


def test_rows_that_are_there_already_never_stop_the_night(validate_rows: Any) -> None:
    rows = shop()
    rows["events"] = rows["events"] * 3
    _, result = validate_rows(rows, stop_share=0.01)
    assert next(flow for flow in result.flows if flow.source == "events").dropped == {
        "repeated in this night": 60
    }


def test_a_source_that_is_too_old_or_too_small_stops_the_night(validate_rows: Any) -> None:
    for days in range(5):
        day = DAY + timedelta(days=days)
        moment = datetime.combine(day, datetime.min.time()).isoformat() + "Z"
        rows = shop()
        rows["events"] = [event(1000 * days + number, occurred_at=moment) for number in range(20)]
        rows["queries"] = [query(10 + days, occurred_at=moment)]
        rows["catalog"] = [item(0, updated_at=moment)]
        validate_rows(rows, day)
    few = {
        **rows,
        "events": [event(9000, occurred_at="2026-01-15T01:00:00Z")],
        "queries": [query(20, occurred_at=moment)],
    }
    few["catalog"] = [item(0, updated_at="2026-01-15T01:00:00Z")]
    with pytest.raises(NightStopped, match="events has 1 rows; the median of the last 4 nights is 20"):
        validate_rows(few, DAY + timedelta(days=5))


def test_a_first_night_of_old_rows_stops(validate_rows: Any) -> None:
    rows = shop()
    rows["events"] = [event(1, occurred_at="2025-06-01T00:00:00Z")]
    with pytest.raises(NightStopped, match="newest events row is of 2025-06-01"):
        validate_rows(rows)


def test_a_user_no_person_could_be_is_reported_and_stays(validate_rows: Any) -> None:
    rows = shop()
    rows["events"] += [
        event(100 + number, user_id="u2", occurred_at="2026-01-10T05:30:00Z") for number in range(50)
    ]
    night, result = validate_rows(rows, bot_views_per_hour=50)
    assert any("u2 looked at phones 52 times in one hour" in line for line in result.notes["warnings"])
    assert len(valid(night, "events")) == 80


def test_check_explains_what_is_wrong_and_leaves_the_lake_alone(tmp_path: Path, night: MakeNight) -> None:
    from handpick.stages.validate.dry_run import check_inputs

    rows = shop()
    rows["users"] += [user(number, signed_up_at="yesterday") for number in (9, 10, 11)]
    bring(tmp_path, rows)
    tonight = night()
    found = check_inputs(tonight)
    assert not tonight.lake.root.exists()
    assert any(
        "3 rows would be quarantined: signed_up_at is not a timestamp (first in 2026-01-10.jsonl:4, "
        "'yesterday')" in f.text
        for f in found
    )
    assert [finding.level for finding in found if finding.level == "stop"] == ["stop"]
    (tmp_path / "landing/users" / f"{DAY}.jsonl").write_bytes(b"")
    bring(tmp_path, {"events": [{"who": "u1"}]})
    texts = [finding.text for finding in check_inputs(tonight)]
    assert len(texts) == 2 and "is empty" in texts[0] and "has no column event_id" in texts[1]


def test_digests_do_not_depend_on_how_often_a_night_is_run(validate_rows: Any) -> None:
    rows = shop()
    rows["events"] += [event(300, value="x"), event(1)]
    night, _ = validate_rows(rows)
    before = {
        table: digest_files(night.lake.partition(table, DAY))
        for table in ("valid/events", "quarantine/events")
    }
    land.run(night)
    validate.run(night)
    assert before == {table: digest_files(night.lake.partition(table, DAY)) for table in before}

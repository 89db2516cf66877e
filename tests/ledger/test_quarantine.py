"""Quarantined rows can be counted, selected, corrected and released; the ledger agrees with the lake."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from handpick.contracts import CONTRACTS
from handpick.errors import InputError, LedgerImbalance
from handpick.ledger.flows import Flow, StageResult
from handpick.ledger.reconcile import build_ledger_table, find_imbalances, write_ledger
from handpick.night import Night
from handpick.quarantine import Selection, count_reasons, release_selection, select_rows
from handpick.quarantine.release import export_rows
from handpick.settings.load import Settings
from handpick.stages import land

DAY, NEXT = date(2026, 1, 10), date(2026, 1, 11)


@pytest.fixture
def night(tmp_path: Path) -> Callable[[date], Night]:
    never = {name: {"needed": "never"} for name in ("catalog", "users", "queries", "events")}
    lake = {"root": "lake", "landing": "landing"}
    return lambda day: Night(Settings(home=tmp_path, lake=lake, sources=never), day)


@pytest.fixture
def validated_night(night: Callable[[date], Night]) -> Night:
    """A night with two events in quarantine and one valid."""
    tonight = night(DAY)
    schema = CONTRACTS["events"].quarantine_schema()
    bad: list[dict[str, Any]] = [
        {
            "event_id": "e1",
            "user_id": "u1",
            "item_id": "p1",
            "event_type": "look",
            "_rules": ["unknown event_type"],
            "_source_line": 2,
        },
        {"_raw": '{"event_id": "e2", "us', "_rules": ["unparsable line"], "_source_line": 3},
    ]
    bad = [{"_source_file": "a.csv", "contract_version": "1", "_values": "[]", **row} for row in bad]
    tonight.lake.write("quarantine/events", DAY, pa.Table.from_pylist(bad, schema=schema))
    for source in CONTRACTS.keys() - {"events"}:
        tonight.lake.write(f"quarantine/{source}", DAY, CONTRACTS[source].quarantine_schema().empty_table())
    tonight.lake.write("raw/events", DAY, CONTRACTS["events"].raw_schema().empty_table())
    (tonight.lake.partition("raw/events", DAY) / "_manifest.json").write_text('{"files": []}')
    return tonight


def test_rows_are_counted_by_rule_and_found_by_rule_file_and_line(validated_night: Night) -> None:
    assert count_reasons(validated_night.lake, DAY) == [
        ("events", "unknown event_type", 1),
        ("events", "unparsable line", 1),
    ]
    assert select_rows(validated_night.lake, DAY, Selection("events", "unparsable line")).num_rows == 1
    assert select_rows(validated_night.lake, DAY, Selection("events", file="a.csv", line=2)).num_rows == 1
    assert select_rows(validated_night.lake, DAY, Selection("events", file="b.csv")).num_rows == 0
    with pytest.raises(InputError, match="there is no source 'event'"):
        select_rows(validated_night.lake, DAY, Selection("event"))


def test_a_mended_row_lands_on_the_next_night_and_only_once(
    validated_night: Night, night: Callable[[date], Night], tmp_path: Path
) -> None:
    mended = tmp_path / "mended.jsonl"
    row = json.loads(export_rows(validated_night, Selection("events", "unknown event_type")))
    mended.write_text(json.dumps({**row, "event_type": "view"}) + "\n")
    first = release_selection(validated_night, Selection("events"), NEXT, mended)
    assert release_selection(validated_night, Selection("events"), NEXT, mended) == first
    land.run(night(NEXT))
    landed = validated_night.lake.read("raw/events", NEXT).to_pylist()
    assert [(row["event_id"], row["event_type"], row["_raw"]) for row in landed] == [("e1", "view", None)]
    assert landed[0]["_source_file"].startswith(f"released/{NEXT}-")
    land.run(night(date(2026, 1, 12)))
    assert validated_night.lake.read("raw/events", date(2026, 1, 12)).num_rows == 0
    with pytest.raises(InputError, match="2026-01-11 has landed already"):
        release_selection(validated_night, Selection("events"), NEXT)
    with pytest.raises(InputError, match="go into a later night"):
        release_selection(validated_night, Selection("events"), DAY)


def test_a_mended_file_that_is_no_json_releases_nothing(validated_night: Night, tmp_path: Path) -> None:
    mended = tmp_path / "mended.jsonl"
    mended.write_text('{"event_id": "e1"}\n{"event_id": \n')
    with pytest.raises(InputError, match=r"is not a JSON object\. Nothing was released"):
        release_selection(validated_night, Selection("events"), NEXT, mended)
    assert not list(validated_night.lake.root.glob("released/events/*"))


def test_a_text_with_a_line_separator_is_released_as_one_row(validated_night: Night, tmp_path: Path) -> None:
    mended = tmp_path / "mended.jsonl"
    rows = [
        json.loads(line) for line in export_rows(validated_night, Selection("events")).split("\n") if line
    ]
    mended.write_text(
        json.dumps({**rows[0], "session_id": "one\u2028two"}, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    _, count = release_selection(validated_night, Selection("events"), NEXT, mended)
    assert count == 1


def test_the_ledger_is_stored_as_a_table_and_compared_with_the_lake(validated_night: Night) -> None:
    result = StageResult(
        "validate", DAY, "valid", (Flow("events", 3, 1, {"unknown event_type": 1, "unparsable line": 1}),), ""
    )
    file = validated_night.result_file("validate")
    file.parent.mkdir(parents=True)
    file.write_text(result.to_json())
    validated_night.lake.write("valid/events", DAY, CONTRACTS["events"].arrow_schema().empty_table())
    assert find_imbalances(validated_night.results(), validated_night.lake, validated_night.logical_date) == [
        "validate reported 1 rows in valid/events, but the partition has 0"
    ]
    write_ledger(validated_night.results(), validated_night.lake, validated_night.logical_date)
    kept = validated_night.lake.read("ledger_flows", DAY)
    assert kept == build_ledger_table(validated_night.results())
    assert kept.column("reason").to_pylist() == ["unknown event_type", "unparsable line"]


def test_lost_rows_stop_the_night_at_the_stage_that_lost_them(validated_night: Night) -> None:
    from handpick.ledger.reconcile import reconcile_ledger

    def report(stage: str, rows_in: int, rows_out: int, dropped: dict[str, int]) -> None:
        file = validated_night.result_file(stage)
        file.parent.mkdir(parents=True, exist_ok=True)
        result = StageResult(stage, DAY, stage, (Flow("events", rows_in, rows_out, dropped),), "")
        file.write_text(result.to_json())

    validated_night.lake.write("valid/events", DAY, CONTRACTS["events"].arrow_schema().empty_table())
    report("land", 0, 0, {})
    report("validate", 2, 0, {"unknown event_type": 1, "unparsable line": 1})
    reconcile_ledger(validated_night.results(), validated_night.lake, DAY, "land")
    with pytest.raises(LedgerImbalance, match="after validate: land wrote 0 rows of events, validate read 2"):
        reconcile_ledger(validated_night.results(), validated_night.lake, DAY, "validate")
    assert validated_night.lake.read("ledger_flows", DAY).num_rows == 3


def test_the_rate_of_each_rule_is_reported_per_night(night: Callable[[date], Night]) -> None:
    from handpick.ledger.reconcile import LEDGER_SCHEMA
    from handpick.stages.validate.rule_trends import compute_rule_rates

    def line(day: date, reason: str | None, rows: int) -> dict[str, Any]:
        flow = {
            "stage": "validate",
            "source": "events",
            "rows_in": 10,
            "rows_out": 10 - rows,
            "rows_dropped": rows,
        }
        return {**flow, "logical_date": day, "reason": reason, "reason_rows": rows}

    lake = night(NEXT).lake
    kept = {DAY: [line(DAY, "missing user_id", 1)], NEXT: [line(NEXT, "unparsable line", 2)]}
    later = date(2026, 1, 12)
    kept[later] = [line(later, None, 0)]
    for day, lines in kept.items():
        lake.write("ledger_flows", day, pa.Table.from_pylist(lines, schema=LEDGER_SCHEMA))
    assert compute_rule_rates(night(later)) == {
        "events: unparsable line": {"2026-01-10": 0.0, "2026-01-11": 20.0, "2026-01-12": 0.0},
        "events: missing user_id": {"2026-01-10": 10.0, "2026-01-11": 0.0, "2026-01-12": 0.0},
    }
    assert list(compute_rule_rates(night(NEXT), nights=1)) == ["events: unparsable line"]

"""Landing: every row of every format is stored as text with its file and line, or an error says why not."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handpick.errors import InputError
from handpick.night import Night
from handpick.stages import land

DAY = date(2026, 1, 10)
HEAD = "event_id,user_id,item_id,event_type,occurred_at\n"
ROW = "e{0},u1,p1,view,2026-01-10T02:00:00Z\n"
MakeNight = Callable[..., Night]
Bring = Callable[..., Path]


def landed(night: Night, source: str = "events") -> list[dict[str, Any]]:
    land.run(night)
    return night.lake.read(f"raw/{source}", night.logical_date).to_pylist()


def ids(rows: list[dict[str, Any]]) -> list[str | None]:
    return [row["event_id"] for row in rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_csv_of_any_encoding_keeps_its_letters(night: MakeNight, bring: Bring, encoding: str) -> None:
    text = "user_id;signed_up_at;consent;locale\n" + "".join(
        f"Zoë{n};2025-01-01T00:00:00Z;true;é\n" for n in range(40)
    )
    bring("users", text.encode(encoding))
    rows = landed(night(), "users")
    assert [row["user_id"] for row in rows] == [f"Zoë{n}" for n in range(40)]
    assert rows[0]["_source_line"] == 2


def test_csv_values_may_hold_quotes_and_line_breaks(night: MakeNight, bring: Bring) -> None:
    text = 'item_id\ttitle\tin_stock\tupdated_at\np1\t"6"" Phone,\nblue"\tyes\t2026-01-10T01:00:00Z\np2\tB\tno\t2026-01-10T01:00:00Z\n'
    bring("catalog", text, f"{DAY}.tsv")
    assert [row["title"] for row in landed(night(), "catalog")] == ['6" Phone,\nblue', "B"]


def test_a_quote_that_never_closes_costs_its_own_row_only(night: MakeNight, bring: Bring) -> None:
    bring(
        "events",
        HEAD + ROW.format(1) + 'e2,"u1,p1,view,2026-01-10T02:00:00Z\n' + ROW.format(3) + ROW.format(4),
    )
    rows = landed(night())
    assert ids(rows) == ["e1", "e3", "e4", None]
    assert (rows[3]["_source_line"], rows[3]["_raw"]) == (3, 'e2,"u1,p1,view,2026-01-10T02:00:00Z')


def test_csv_rows_of_another_width_are_kept_whole_with_their_line(night: MakeNight, bring: Bring) -> None:
    bring("events", HEAD + ROW.format(1) + "e2,u1,p1\n" + ROW.format(3) + "e4,u1,p1,view")
    rows = landed(night())
    assert ids(rows) == ["e1", "e3", None, None]
    assert [(row["_source_line"], row["_raw"]) for row in rows[2:]] == [(3, "e2,u1,p1"), (5, "e4,u1,p1,view")]


def test_damaged_bytes_do_not_turn_a_utf8_file_into_another_encoding(night: MakeNight, bring: Bring) -> None:
    good = "".join(f"电话{n},2025-01-01T00:00:00Z,true\n" for n in range(20)).encode()
    bring("users", b"user_id,signed_up_at,consent\n" + good + b"bad\xff,2025-01-01T00:00:00Z,true\n")
    rows = landed(night(), "users")
    assert [row["user_id"] for row in rows] == [f"电话{n}" for n in range(20)] + ["bad\ufffd"]


def test_a_broken_json_array_gives_its_whole_objects_and_keeps_the_cut_one(
    night: MakeNight, bring: Bring
) -> None:
    objects = [
        json.dumps({"query_id": f"q{n}", "user_id": "u1", "text": "x", "occurred_at": "2026-01-10"})
        for n in range(3)
    ]
    bring("queries", f"[{objects[0]},\n{objects[1]},\n{objects[2][:25]}", f"{DAY}.json")
    rows = landed(night(), "queries")
    assert [(row["query_id"], row["_raw"], row["_source_line"]) for row in rows] == [
        ("q0", None, 1),
        ("q1", None, 2),
        (None, objects[2][:25], 3),
    ]


@pytest.mark.parametrize("wrapped", [False, True])
def test_json_laid_out_over_many_lines_is_read_object_by_object(
    night: MakeNight, bring: Bring, wrapped: bool
) -> None:
    rows = [
        {"query_id": f"q{n}", "user_id": "u1", "text": "a [b] {c}", "occurred_at": "2026-01-10"}
        for n in range(3)
    ]
    text = json.dumps({"rows": rows} if wrapped else rows, indent=2)
    if not wrapped:
        text = text.replace('"q1",', '"q1"', 1)
    bring("queries", text, f"{DAY}.json")
    found = landed(night(), "queries")
    expected: list[str | None] = ["q0", "q1", "q2"] if wrapped else ["q0", "q2", None]
    assert [row["query_id"] for row in found] == expected
    assert wrapped or '"q1"' in found[2]["_raw"]


def test_parquet_of_any_types_lands_as_text(night: MakeNight, bring: Bring, tmp_path: Path) -> None:
    bring()
    table = pa.table(
        {
            "event_id": pa.array([1, 2], pa.int64()),
            "user_id": pa.array(["u1", None]).dictionary_encode(),
            "item_id": pa.array([b"p1", b"p\xff"]),
            "event_type": ["view", "view"],
            "value": [1.5, None],
            "occurred_at": pa.array([0, 1_700_000_000_000_000_001], pa.timestamp("ns")),
            "extra": [{"a": 1}, None],
        }
    )
    pq.write_table(table, tmp_path / "landing/events" / f"{DAY}.parquet")
    rows = [row for row in landed(night()) if row["_source_file"].endswith("parquet")]
    assert [row["event_id"] for row in rows] == ["1", "2"]
    assert [row["item_id"] for row in rows] == ["p1", "p\ufffd"]
    assert (rows[0]["value"], rows[0]["occurred_at"][:19]) == ("1.5", "1970-01-01 00:00:00")
    assert json.loads(rows[0]["_extra"])["extra"] == '{"a": 1}'


def test_owners_columns_values_times_and_zones_are_mapped(night: MakeNight, bring: Bring) -> None:
    bring("events", "nr,who,sku,what,when,cents\n1,u1,p1,Bought,10.01.2026 02:30,1999\n2,u1,p1,???,then,x\n")
    mapping = {
        "columns": {
            "event_id": "nr",
            "user_id": "who",
            "item_id": "sku",
            "event_type": "what",
            "occurred_at": "when",
            "value": "cents",
        },
        "values": {"event_type": {"Bought": "purchase"}},
        "times": {"occurred_at": "%d.%m.%Y %H:%M"},
        "timezone": "Europe/Berlin",
        "factors": {"value": 0.01},
    }
    rows = landed(night(sources={"events": mapping}))
    assert [(row["event_type"], row["occurred_at"][:19], row["value"]) for row in rows] == [
        ("purchase", "2026-01-10T01:30:00", "19.99"),
        ("???", "then", "x"),
    ]


def test_a_sql_table_lands_with_the_nights_bounds(night: MakeNight, bring: Bring, tmp_path: Path) -> None:
    bring()
    with sqlite3.connect(tmp_path / "shop.db") as shop:
        shop.execute("create table log (event_id, user_id, item_id, event_type, occurred_at)")
        shop.executemany(
            "insert into log values (?, 'u1', 'p1', 'view', ?)",
            [(1, "2026-01-10 05:00:00"), (2, "2026-01-12 05:00:00")],
        )
    source = {
        "url": f"sqlite:///{tmp_path}/shop.db",
        "format": "sql",
        "query": "select * from log where occurred_at < :until",
    }
    assert ids(landed(night(sources={"events": source}))) == ["1"]
    with pytest.raises(
        InputError, match=r"sources\.events: the database refused or did not answer: no such table: absent"
    ):
        land.run(night(sources={"events": {**source, "query": "select * from absent"}}))


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        (f"{DAY}.csv", b"", "is empty"),
        (f"{DAY}.parquet", b"not parquet at all", "is named like Parquet but is not"),
        (f"{DAY}.parquet", b"PAR1 cut off", "cannot be read as parquet"),
        (f"{DAY}.csv", b"PK\x03\x04" + b"\x00" * 100, "cannot be unpacked as ZIP"),
        (f"{DAY}.csv", b"\x00\x01\x02\x03", "has no header line"),
        (
            f"{DAY}.csv",
            b"event_id,user_id,article,event_type,occurred_at\ne1,u1,p1,view,2026-01-10\n",
            'no column item_id.* item_id = "article"',
        ),
    ],
)
def test_a_file_that_cannot_be_used_stops_the_night_and_nothing_lands(
    night: MakeNight, bring: Bring, name: str, content: bytes, told: str
) -> None:
    bring("events", content, name)
    tonight = night()
    with pytest.raises(InputError, match=told) as error:
        land.run(tonight)
    assert name in str(error.value) and "\n" not in str(error.value)
    assert tonight.lake.list_dates("raw/catalog") == []


def test_a_source_without_a_file_stops_the_night_and_says_where_it_looked(
    night: MakeNight, bring: Bring, tmp_path: Path
) -> None:
    bring()
    (tmp_path / "landing/events" / f"{DAY}.csv").unlink()
    with pytest.raises(
        InputError, match=r"no landing file of events for 2026-01-10: looked in .*landing/events"
    ):
        land.run(night())


def test_a_night_takes_what_is_new_and_takes_the_same_again(night: MakeNight, bring: Bring) -> None:
    bring("events", HEAD + ROW.format(1), "events-2026-01-08.csv")
    bring("events", HEAD + ROW.format(2), "events-2026-01-12.csv")
    first = land.run(night())
    nothing = {name: {"needed": "never"} for name in ("catalog", "users", "queries")}
    later = night(DAY + timedelta(days=3), sources=nothing)
    assert ids(landed(later)) == ["e2"]
    bring("events", HEAD + ROW.format(3), "events-2026-01-09.csv")
    assert ids(landed(later)) == ["e2", "e3"][::-1]
    assert land.run(night()).digest == first.digest


def test_a_night_that_is_killed_while_it_lands_leaves_nothing_and_lands_whole_when_run_again(
    night: MakeNight, bring: Bring, tmp_path: Path
) -> None:
    bring("events", HEAD + ROW.format(0), "a-2026-01-10.csv")
    (tmp_path / "landing" / "queries" / f"{DAY}.jsonl").write_text(
        "".join(
            json.dumps({"query_id": f"q{n}", "user_id": "u1", "text": "hi", "occurred_at": str(DAY)}) + "\n"
            for n in range(60_000)
        )
    )
    (tmp_path / "handpick.toml").write_text('[lake]\nroot = "lake"\nlanding = "landing"\n')
    command = [sys.executable, "-m", "handpick.cli.main", "land", "--date", str(DAY)]
    environment = {**os.environ, "HANDPICK_CONFIG": str(tmp_path / "handpick.toml")}
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as running:
        while running.poll() is None and not list(tmp_path.glob("lake/raw/events/.tmp-*")):
            time.sleep(0.01)
        running.kill()
    assert running.returncode == -signal.SIGKILL
    tonight = night()
    assert not tonight.lake.has("raw/events", DAY)
    result = land.run(tonight)
    assert {flow.source: flow.rows_out for flow in result.flows}["queries"] == 60_000
    assert not list(tmp_path.glob("lake/raw/*/.tmp-*"))


def test_columns_that_the_contract_does_not_know_are_kept_aside_and_reported(
    night: MakeNight, bring: Bring
) -> None:
    bring("users", "user_id,signed_up_at,consent,shoe_size\nu1,2025-01-01,true,44\n")
    tonight = night()
    assert land.run(tonight).notes["unknown_columns"] == {"users": ["shoe_size"]}
    assert tonight.lake.read("raw/users", DAY).to_pylist()[0]["_extra"] == '{"shoe_size": "44"}'


def test_init_proposes_a_mapping_that_check_can_use(tmp_path: Path) -> None:
    import tomllib

    from handpick.stages.land.proposed_settings import render_settings
    from handpick.stages.land.source_discovery import discover_sources

    (tmp_path / "phones.csv").write_text(
        "sku,name,maker,cost,availability,modified\nA1,One,Acme,99,yes,2026-01-01\n"
    )
    (tmp_path / "clicks.csv").write_text(
        "uuid,customer_id,sku,action,ts\n1,c1,A1,view,2026-01-01T00:00:00Z\n"
    )
    found, _ = discover_sources(str(tmp_path))
    proposed = tomllib.loads(render_settings(found, str(tmp_path)))["sources"]
    assert proposed["catalog"]["columns"] == {
        "item_id": "sku",
        "title": "name",
        "brand": "maker",
        "price": "cost",
        "in_stock": "availability",
        "updated_at": "modified",
    }
    assert proposed["events"]["columns"] == {
        "event_id": "uuid",
        "user_id": "customer_id",
        "item_id": "sku",
        "event_type": "action",
        "occurred_at": "ts",
    }
    assert proposed["queries"] == {"needed": "never"}

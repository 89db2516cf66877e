"""Sources that send everything every night, rows that are gone from them, and files replaced in place."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from handpick.cli.main import app
from handpick.contracts import CONTRACTS
from handpick.errors import InputError
from handpick.ledger.reconcile import reconcile_ledger
from handpick.night import Night
from handpick.stages.land import run as land

from .shop_cases import read_as_contract

DAY, NEXT, LAST = date(2026, 1, 10), date(2026, 1, 11), date(2026, 1, 12)
HEADS = {
    "catalog": "item_id,title,price,in_stock,updated_at",
    "users": "user_id,signed_up_at,consent",
    "events": "event_id,user_id,item_id,event_type,occurred_at",
    "queries": "query_id,user_id,text,occurred_at",
}
MakeNight = Callable[..., Night]


def rows_of(source: str, numbers: range) -> str:
    """A CSV file of some rows of a source."""
    lines = {
        "catalog": "p{n},Phone {n},{n}.50,true,2026-01-09T08:00:00Z",
        "users": "u{n},2025-01-01T00:00:00Z,true",
        "events": "e{n},u1,p1,view,2025-06-{d:02d}T10:00:00Z",
        "queries": "q{n},u1,phone {n},2026-01-10T10:{n:02d}:00Z",
    }[source]
    return "\n".join([HEADS[source], *(lines.format(n=n, d=n % 28 + 1) for n in numbers)]) + "\n"


@pytest.fixture
def deliver(tmp_path: Path) -> Callable[..., None]:
    """Put the files of a night into the landing folder."""

    def put(day: date, name: str = "", **numbers: range) -> None:
        for source in HEADS:
            file = tmp_path / "landing" / source / (name or f"{day}.csv")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(rows_of(source, numbers.get(source, range(1, 11))))

    return put


def land_and_read(night: Night) -> Any:
    """Land a night, and write what validation would find valid."""
    result = land(night)
    for source, contract in CONTRACTS.items():
        rows = night.lake.read(f"raw/{source}", night.logical_date).to_pylist()
        typed = [row for raw in rows if (row := read_as_contract(contract, raw)) is not None]
        night.lake.write(
            f"valid/{source}", night.logical_date, pa.Table.from_pylist(typed, contract.arrow_schema())
        )
    return result


FULL = {source: {"mode": "full"} for source in HEADS}


def test_phones_and_customers_that_are_gone_are_closed_with_a_warning_and_come_back(
    night: MakeNight, deliver: Callable[..., None]
) -> None:
    deliver(DAY)
    land_and_read(night(DAY, sources=FULL))
    deliver(NEXT, catalog=range(1, 9), users=range(1, 10))
    result = land_and_read(night(NEXT, sources=FULL))
    told = "\n".join(result.notes["doubts"])
    assert "2 of 10 are gone from tonight's full export, such as p9, p10: they count as sold out" in told
    assert "1 of 10 are gone from tonight's full export, such as u10: they count as without consent" in told
    closed = {
        row["item_id"]: row
        for row in night(NEXT).lake.read("raw/catalog", NEXT).to_pylist()
        if row["_source_file"] == "gone"
    }
    assert {(key, row["in_stock"], row["price"], row["updated_at"]) for key, row in closed.items()} == {
        ("p9", "false", "9.5", "2026-01-09T08:00:00.000000Z"), ("p10", "false", "10.5", "2026-01-09T08:00:00.000000Z"),
    }  # fmt: skip
    # The same night again gives the same rows; the night after, nobody is gone anew, and p10 is back.
    assert land(night(NEXT, sources=FULL)).digest == result.digest
    deliver(LAST, catalog=range(1, 11), users=range(1, 10))
    last = land_and_read(night(LAST, sources=FULL))
    assert not last.notes["doubts"]
    assert "p10" in night(LAST).lake.read("raw/catalog", LAST).column("item_id").to_pylist()


def test_the_ledger_counts_closed_rows(night: MakeNight, deliver: Callable[..., None]) -> None:
    deliver(DAY)
    land_and_read(night(DAY, sources=FULL))
    deliver(NEXT, catalog=range(1, 9))
    result = land_and_read(night(NEXT, sources=FULL))
    flow = next(flow for flow in result.flows if flow.source == "catalog")
    assert (flow.rows_in, flow.rows_out) == (10, 10)
    events = next(flow for flow in result.flows if flow.source == "events")
    assert (events.rows_in, events.rows_out, events.dropped["landed on an earlier night"]) == (10, 0, 10)
    reconcile_ledger([result], night(NEXT).lake, NEXT, "land")


def test_too_many_gone_phones_stop_the_night_and_nothing_lands(
    night: MakeNight, deliver: Callable[..., None]
) -> None:
    deliver(DAY)
    land_and_read(night(DAY, sources=FULL))
    deliver(NEXT, catalog=range(1, 4))
    with pytest.raises(
        InputError, match=r"7 of 10 \(70%\) are gone .* 30% are allowed .*max_gone_share"
    ) as error:
        land(night(NEXT, sources=FULL))
    assert "\n" not in str(error.value)
    assert not night(NEXT).lake.has("raw/catalog", NEXT)
    allowed = {**FULL, "catalog": {"mode": "full", "max_gone_share": 0.8}}
    assert "7 of 10 are gone" in land(night(NEXT, sources=allowed)).notes["doubts"][0]


def test_a_full_log_lands_only_rows_that_are_new_or_changed(
    night: MakeNight, deliver: Callable[..., None], tmp_path: Path
) -> None:
    deliver(DAY)
    land_and_read(night(DAY, sources=FULL))
    deliver(NEXT, events=range(1, 14))
    file = tmp_path / "landing" / "events" / f"{NEXT}.csv"
    file.write_text(file.read_text().replace("e3,u1,p1,view", "e3,u1,p1,cart"))
    land(night(NEXT, sources=FULL))
    assert set(night(NEXT).lake.read("raw/events", NEXT).column("event_id").to_pylist()) == {
        "e3",
        "e11",
        "e12",
        "e13",
    }


def test_without_the_setting_a_file_that_lacks_known_phones_is_a_stated_doubt(
    night: MakeNight, deliver: Callable[..., None]
) -> None:
    deliver(DAY)
    land_and_read(night(DAY))
    deliver(NEXT, catalog=range(1, 9), users=range(20, 22))
    (doubt,) = land(night(NEXT)).notes["doubts"]
    assert "catalog: 2 of the 10 known are not in tonight's file" in doubt
    assert 'mode = "full"' in doubt


def test_a_file_replaced_in_place_is_landed_again_and_said(
    night: MakeNight, deliver: Callable[..., None], tmp_path: Path
) -> None:
    deliver(DAY, "all.csv")
    land_and_read(night(DAY))
    with pytest.raises(InputError, match="all landed before"):
        land(night(NEXT))
    deliver(
        NEXT, "all.csv", events=range(1, 13), catalog=range(1, 12), users=range(1, 12), queries=range(1, 12)
    )
    result = land(night(NEXT))
    assert (
        "events: all.csv was landed before with other content, and is landed again" in result.notes["doubts"]
    )
    assert night(NEXT).lake.read("raw/events", NEXT).num_rows == 12
    # The first night cannot be run again with what the second has landed: its rows stay.
    with pytest.raises(InputError, match="were replaced, and a later night has landed what they hold now"):
        land(night(DAY))
    assert night(DAY).lake.read("raw/events", DAY).num_rows == 10


def test_the_same_size_does_not_hide_other_content(
    night: MakeNight, deliver: Callable[..., None], tmp_path: Path
) -> None:
    deliver(DAY, "all.csv")
    land_and_read(night(DAY))
    for source in HEADS:
        file = tmp_path / "landing" / source / "all.csv"
        file.write_text(file.read_text().replace("Phone 2", "Phono 2").replace("u2,2025", "u2,2024").replace("phone 2", "phono 2")
                        .replace("e2,u1,p1", "e2,u2,p1"))  # fmt: skip
    assert len([line for line in land(night(NEXT)).notes["doubts"] if "with other content" in line]) == 4


def test_init_proposes_full_where_files_repeat_each_other(tmp_path: Path) -> None:
    for number, count in enumerate((10, 12, 14)):
        for source in HEADS:
            file = tmp_path / "dump" / source / f"2026-01-1{number}.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            # Queries come once each, in the file of their day.
            first = 20 * number if source == "queries" else 1
            file.write_text(rows_of(source, range(first, first + count)))
    out = tmp_path / "handpick.toml"
    CliRunner().invoke(app, ["init", str(tmp_path / "dump"), "--out", str(out)], catch_exceptions=False)
    proposed = tomllib.loads(out.read_text())["sources"]
    assert {source: settings.get("mode") for source, settings in proposed.items()} == {
        "catalog": "full", "users": "full", "events": "full", "queries": None,
    }  # fmt: skip

"""The commands `lists`, `versions`, `diff` and `rollback` on published lists."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pytest
from typer.testing import CliRunner, Result

from handpick.cli.main import app
from handpick.errors import ServingError
from handpick.night import Night
from handpick.settings.load import Settings
from handpick.stages.publish import run

from .conftest import DAY, report_scored

MakeNight = Callable[..., Night]
Command = Callable[..., Result]
NEXT = DAY + timedelta(days=1)


@pytest.fixture
def handpick(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command line, run on the test's own schema."""
    (settings.home / "handpick.toml").touch()
    monkeypatch.setenv("HANDPICK_CONFIG", str(settings.home / "handpick.toml"))
    monkeypatch.setenv("HANDPICK__SERVING__SCHEMA_NAME", settings.serving.schema_name)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(app, arguments)


def change(night: Night, table: str, row: int, **values: Any) -> None:
    """Change values in one row of a table of the night's lake."""
    before = night.lake.read(table, night.logical_date)
    rows = before.to_pylist()
    rows[row].update(values)
    night.lake.write(table, night.logical_date, pa.Table.from_pylist(rows, before.schema))
    report_scored(night)


def test_a_users_list_shows_rank_title_price_score_reason_and_source(
    make_night: MakeNight, handpick: Command
) -> None:
    night = make_night()
    first = night.lake.read("lists/recommendations", DAY).to_pylist()[0]
    run(night)
    shown = handpick("lists", "u000")
    assert shown.exit_code == 0, shown.output
    line = next(line for line in shown.output.splitlines() if line.strip().startswith("1 "))
    price = f"{100 + int(first['item_id'][1:]):,}"
    for part in (f"=Phone {first['item_id']}", price, "1.000", first["reason"]):
        assert part in line
    # What all rows say stands above the table once.
    assert "from fusion+als" in shown.output
    assert "relaxed: price_band" in shown.output
    assert "=Phone i002" in handpick("lists", "--segment", "all").output
    assert "=Phone i001" in handpick("lists", "--phone", "i000").output


def test_somebody_without_a_list_is_one_line_that_says_what_they_get(
    make_night: MakeNight, handpick: Command
) -> None:
    run(make_night())
    error = handpick("lists", "nobody").exception
    assert isinstance(error, ServingError)
    assert "'nobody' has no list in version 1" in str(error)
    assert "--segment all" in str(error)


@pytest.mark.parametrize("command", [("lists", "u000"), ("versions",), ("rollback",), ("diff", "1", "2")])
def test_before_the_first_publish_every_command_says_so(handpick: Command, command: tuple[str, ...]) -> None:
    error = handpick(*command).exception
    assert isinstance(error, ServingError)
    assert "no list version has been published" in str(error)


@pytest.mark.parametrize("command", [("lists", "u000"), ("versions",), ("rollback",), ("diff", "1", "2")])
def test_looking_starts_no_server_where_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    file = tmp_path / "handpick.toml"
    file.touch()
    monkeypatch.setenv("HANDPICK_CONFIG", str(file))
    error = CliRunner().invoke(app, command).exception
    assert isinstance(error, ServingError)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("command", [("lists", "u000"), ("versions",), ("rollback",), ("diff", "1", "2")])
def test_a_database_that_does_not_answer_is_one_line(
    handpick: Command, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("HANDPICK__SERVING__DSN", "postgresql://somebody:secret@127.0.0.1:9/none")
    error = handpick(*command).exception
    assert isinstance(error, ServingError)
    assert "does not answer" in str(error)
    assert "secret" not in str(error)
    assert "\n" not in str(error)


def test_rolling_back_and_forth_gives_the_very_same_rows(
    make_night: MakeNight, handpick: Command, connection: psycopg.Connection
) -> None:
    def rows() -> list[Any]:
        return connection.execute("select * from recommendations order by user_id, rank").fetchall()

    run(make_night(DAY, seed=1))
    first = rows()
    run(make_night(NEXT, seed=2))
    second = rows()
    assert second != first
    assert handpick("rollback").output == "Version 1 is current.\n"
    assert rows() == first
    assert handpick("rollback", "v2").output == "Version 2 is current.\n"
    assert rows() == second
    listed = handpick("versions").output.splitlines()
    assert [line.split(" 2026-")[0].strip() for line in listed if "2026-" in line] == ["* 2", "1"]


@pytest.mark.parametrize("version", ["9", "x", "-1", "v"])
def test_a_version_that_is_not_kept_is_refused_and_the_pointer_stays(
    make_night: MakeNight, handpick: Command, connection: psycopg.Connection, version: str
) -> None:
    run(make_night())
    error = handpick("rollback", "--", version).exception
    assert isinstance(error, ServingError)
    assert "Kept are: 1" in str(error)
    assert isinstance(handpick("rollback").exception, ServingError)
    assert connection.execute("select version from current_version").fetchone() == (1,)
    assert "Kept are: 1" in str(handpick("diff", "--", "1", version).exception)


def test_a_difference_says_for_whom_what_came_and_went_and_why(
    make_night: MakeNight, handpick: Command
) -> None:
    run(make_night(DAY, seed=1))
    night = make_night(NEXT, seed=1)
    before = night.lake.read("lists/recommendations", NEXT).to_pylist()
    change(night, "marts/dim_item", 39, title="The new one")
    mine = {row["item_id"] for row in before[:5]}
    gone = before[0]["item_id"]
    other = next(f"i{number:03}" for number in range(40) if f"i{number:03}" not in mine)
    change(night, "lists/recommendations", 0, item_id=other, reason_code="query")
    run(night)
    shown = handpick("diff", "1", "2", "--user", "u000")
    assert shown.exit_code == 0, shown.output
    text = " ".join(shown.output.split())
    assert "another night: 2026-03-10, then 2026-03-11" in text
    assert "29 same" in text
    assert "1 changed" in text
    assert "1 1 ranked higher: query" in text
    assert "1 1 ranked lower, or excluded by a rule" in text
    assert f"1 - =Phone {gone}" in text
    assert f"- 1 =Phone {other}" in text


def test_a_phone_that_is_sold_out_is_the_reason_why_it_went(make_night: MakeNight, handpick: Command) -> None:
    run(make_night(DAY, seed=1))
    night = make_night(NEXT, seed=1)
    listed = night.lake.read("lists/recommendations", NEXT)["item_id"].to_pylist()
    similar = night.lake.read("lists/similar_items", NEXT)
    popular = night.lake.read("lists/popular_items", NEXT)["item_id"].to_pylist()
    sold_out = next(f"i{number:03}" for number in range(5, 40) if f"i{number:03}" in listed)
    assert sold_out not in popular
    night.lake.write(
        "lists/similar_items",
        NEXT,
        similar.filter(pa.compute.not_equal(similar["similar_item_id"], sold_out)),
    )
    rows = night.lake.read("lists/recommendations", NEXT)
    lists: dict[str, list[dict[str, Any]]] = {}
    for row in rows.to_pylist():
        if row["item_id"] != sold_out:
            lists.setdefault(row["user_id"], []).append(row)
    kept = [{**row, "rank": place} for mine in lists.values() for place, row in enumerate(mine, 1)]
    night.lake.write("lists/recommendations", NEXT, pa.Table.from_pylist(kept, rows.schema))
    change(night, "marts/dim_item", int(sold_out[1:]), is_in_stock=False)
    run(night)
    text = " ".join(handpick("diff", "1", "2").output.split())
    count = listed.count(sold_out)
    assert f"{count} {count} out of stock" in text
    assert f"0 {count} =Phone {sold_out} out of stock" in text


def test_the_status_says_what_is_current_and_what_a_rollback_left_to_do(
    make_night: MakeNight, handpick: Command, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("HANDPICK__LAKE__ROOT", str(settings.lake.root))
    for day in (DAY, NEXT):
        run(make_night(day))
    handpick("rollback")
    shown = handpick("status").output
    assert f"Version 1 of {DAY}: 150 rows for 30 users" in " ".join(shown.split())
    assert "The embedded PostgreSQL." in shown
    assert "handpick rollback 2" in " ".join(shown.split())
    assert max(len(line) for line in shown.splitlines()) <= 80
    listed = handpick("versions").output
    assert f"* 1 {DAY}" in " ".join(listed.split())
    assert max(len(line) for line in listed.splitlines()) <= 80

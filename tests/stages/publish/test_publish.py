"""Publishing: the views hold exactly the lake's rows, and readers never see anything else."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from handpick.errors import InputError, ServingError
from handpick.night import Night
from handpick.serving.connection import connect
from handpick.serving.relations import RELATIONS
from handpick.settings.load import Settings
from handpick.stages.publish import run
from handpick.stages.publish.exports import ExportFiles

from .conftest import DAY, report_scored

MakeNight = Callable[..., Night]


def test_the_views_hold_the_lakes_rows(make_night: MakeNight, connection: psycopg.Connection) -> None:
    night = make_night()
    result = run(night)
    assert result.notes["is_current"]
    for relation in RELATIONS:
        expected = night.lake.read(relation.lake_table, DAY).to_pylist()
        key = relation.key
        found = connection.execute(
            f"select {', '.join(relation.column_names)} from {relation.name}", binary=True
        ).fetchall()
        rows = [dict(zip(relation.column_names, row, strict=True)) for row in found]
        assert sorted(rows, key=lambda row: [row[name] for name in key]) == [
            {name: row.get(name) for name in relation.column_names}
            for row in sorted(expected, key=lambda row: [row[name] for name in key])
        ]
    row = connection.execute("select * from recommendations limit 1")
    assert [column.name for column in row.description or []][-6:] == [
        "list_version",
        "generated_at",
        "placed_by",
        "experiment",
        "variant",
        "phone_variants",
    ]


def test_publishing_again_makes_no_second_version(
    make_night: MakeNight, connection: psycopg.Connection
) -> None:
    night = make_night()
    first, second = run(night), run(night)
    assert first.digest == second.digest
    assert (first.notes["version"], first.notes["is_new"]) == (second.notes["version"], True)
    assert not second.notes["is_new"]
    assert connection.execute("select count(*) from list_versions").fetchone() == (1,)


def test_an_earlier_night_run_again_does_not_replace_a_later_one(
    make_night: MakeNight, connection: psycopg.Connection
) -> None:
    earlier, later = make_night(DAY, seed=1), make_night(DAY + timedelta(days=1), seed=2)
    assert run(later).notes["is_current"]
    assert not run(earlier).notes["is_current"]
    found = connection.execute("select logical_date from list_versions join current_version using (version)")
    assert found.fetchone() == (DAY + timedelta(days=1),)


def test_a_phone_that_cannot_be_sold_is_refused_and_the_lists_before_stay(
    make_night: MakeNight, connection: psycopg.Connection
) -> None:
    run(make_night(DAY))
    before = connection.execute("select * from recommendations order by user_id, rank").fetchall()
    night = make_night(DAY + timedelta(days=1), seed=2)
    items = night.lake.read("marts/dim_item", night.logical_date)
    sold_out = pc.not_equal(items["item_id"], "i003")
    night.lake.write(
        "marts/dim_item",
        night.logical_date,
        items.set_column(items.column_names.index("is_in_stock"), "is_in_stock", sold_out),
    )
    with pytest.raises(ServingError, match=r"i003 .* not in stock"):
        run(night)
    assert connection.execute("select * from recommendations order by user_id, rank").fetchall() == before


@pytest.mark.parametrize(("column", "message"), [("rank", "ranks 1 to"), ("reason", "reason is null")])
def test_lists_that_break_a_guarantee_are_refused(make_night: MakeNight, column: str, message: str) -> None:
    night = make_night()
    rows = night.lake.read("lists/recommendations", DAY).to_pylist()
    rows[2][column] = 17 if column == "rank" else None
    schema = night.lake.read("lists/recommendations", DAY).schema
    night.lake.write("lists/recommendations", DAY, pa.Table.from_pylist(rows, schema))
    report_scored(night)
    with pytest.raises((ServingError, InputError), match=message):
        run(night)


def test_what_a_killed_publish_left_is_removed_and_the_next_one_works(
    make_night: MakeNight, connection: psycopg.Connection
) -> None:
    run(make_night(DAY))
    connection.execute(
        "insert into list_versions (version, logical_date, status) values (2, now(), 'loading')"
    )
    connection.execute("create table recommendations_v2 (half int)")
    assert run(make_night(DAY + timedelta(days=1), seed=2)).notes["is_current"]
    assert connection.execute("select count(*), min(status) from list_versions").fetchone() == (
        2,
        "published",
    )


def test_consumers_may_read_the_views_and_do_nothing_else(make_night: MakeNight, settings: Settings) -> None:
    run(make_night())
    schema = settings.serving.schema_name
    with connect(settings, autocommit=True, reader=True) as reader:
        assert reader.execute(f"select count(*) from {schema}.recommendations").fetchone() == (150,)
        for forbidden in (
            f"select 1 from {schema}.recommendations_all",
            f"select 1 from {schema}.recommendations_v1",
            f"delete from {schema}.recommendations",
            f"update {schema}.current_version set version = 1",
            f"create table {schema}.mine (x int)",
            "create schema mine",
        ):
            reader.execute("set default_transaction_read_only = off")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(forbidden)


def test_exports_hold_every_row_once_and_no_formula(make_night: MakeNight) -> None:
    night = make_night()
    folder = night.lake.root.parent / "lake" / "exports" / f"logical_date={DAY}"
    assert str(folder) == run(night).notes["exports"]
    files = sorted(path.name for path in (folder / "recommendations").iterdir())
    assert files == ["CN.csv", "CN.parquet", "DE.csv", "DE.parquet", "unknown.csv", "unknown.parquet"]
    tables = [pyarrow.csv.read_csv(path) for path in (folder / "recommendations").glob("*.csv")]
    assert sum(len(table) for table in tables) == 150
    assert all(title.startswith("'=") for table in tables for title in table["title"].to_pylist())


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_no_spreadsheet_finds_a_formula_whatever_it_takes_for_a_separator(
    tmp_path: Path, separator: str
) -> None:
    """Spreadsheets of most of Europe expect semicolons; quotes in the middle of a line mean nothing then."""
    titles = [
        "=1+1", "+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", "\n=1+1;x", "＝1+1", "＋1", "－1", "＠SUM(1)",
        "x;=1+1", "x;=HYPERLINK(1);y", "x\n=1+1;y", "x\t=1+1\ty", "x\r\n+1", "a;b;-1;@c", ";;=1", "x;\t=1",
    ]  # fmt: skip
    harmless = ["Fairphone 5", "8 GB, +128 GB", "a = b", "6,1 Zoll; -20 °C", "it's"]
    rows = pa.table({"item_id": [f"i{n}" for n in range(len(titles))], "title": titles})
    with ExportFiles(tmp_path / "popular", rows.schema) as files:
        files.write(rows)
        files.write(pa.table({"item_id": ["h"] * len(harmless), "title": harmless}))
    with (tmp_path / "popular.csv").open(newline="") as stream:
        cells = [cell for row in csv.reader(stream, delimiter=separator) for cell in row]
    assert not [cell for cell in cells if cell and cell[0] in "=+-@＝＋－＠"]
    assert pq.read_table(tmp_path / "popular.parquet")["title"].to_pylist() == titles + harmless
    if separator == ",":
        assert cells[-len(harmless) * 2 + 1 :: 2] == harmless


def test_old_versions_go_by_count_and_age_but_never_the_one_before(
    make_night: MakeNight, connection: psycopg.Connection
) -> None:
    night = make_night(DAY)
    keeping = night.settings.serving.model_copy(update={"keep_versions": 2, "keep_days": 5})
    settings = night.settings.model_copy(update={"serving": keeping})
    for days, kept in [(0, [1]), (1, [1, 2]), (2, [1, 2, 3]), (3, [2, 3, 4]), (30, [4, 5])]:
        night = replace(make_night(DAY + timedelta(days=days), seed=days), settings=settings)
        run(night)
        found = connection.execute("select version from list_versions where status = 'published' order by 1")
        assert [row[0] for row in found] == kept
    tables = connection.execute(
        "select relname from pg_class where relname like 'recommendations_v_' and relnamespace = "
        "%s::regnamespace "
        "order by 1",
        [settings.serving.schema_name],
    )
    assert [row[0] for row in tables] == ["recommendations_v4", "recommendations_v5"]


def test_a_version_keeps_the_metrics_of_the_blend_that_made_it(
    make_night: MakeNight, connection: psycopg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    night = make_night()
    rows = [
        {"member": member, "slice": "all", "metric": "ndcg", "k": 20, "value": value}
        for member, value in (("popularity", 0.1), ("weighted", 0.25))
    ]
    with night.lake.replace_partition("evaluation", DAY) as folder:
        pq.write_table(pa.Table.from_pylist(rows), folder / "metrics.parquet")
    monkeypatch.setattr("handpick.stages.publish.publish._read_champion_date", lambda _: DAY)
    run(night)
    kept = connection.execute("select metrics from list_versions order by version desc limit 1").fetchone()
    assert kept == ({"ndcg@20 all": 0.25},)

"""A user is erased from the warehouse's file, which keeps its views and everybody else's rows."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb

from handpick.night import Night
from handpick.settings.load import load
from handpick.stages.warehouse.public import erase_warehouse_user


def test_the_file_is_written_anew_without_the_user(two_nights: tuple[Night, Night], tmp_path: Path) -> None:
    built = two_nights[1].settings
    settings = load(home=tmp_path, lake=built.lake.model_dump())
    file = settings.path(settings.warehouse.path)
    file.parent.mkdir(parents=True)
    shutil.copy(built.path(built.warehouse.path), file)

    def read(query: str) -> list[tuple[object, ...]]:
        with duckdb.connect(str(file), read_only=True) as db:
            return db.execute(query).fetchall()

    catalogue = "select table_name, table_type from information_schema.tables order by 1"
    tables, ((who, rows),) = (
        read(catalogue),
        read(
            "select user_id, count(*) from warehouse.fct_interactions group by 1 order by 2 desc, 1 limit 1"
        ),
    )
    ((others,),) = read(f"select count(*) from warehouse.fct_interactions where user_id <> '{who}'")
    assert isinstance(rows, int) and rows > 0
    assert erase_warehouse_user(settings, str(who)) > rows
    assert read(catalogue) == tables
    assert read("select count(*) from warehouse.fct_interactions") == [(others,)]
    assert read(f"select count(*) from warehouse.dim_user where user_id = '{who}'") == [(0,)]
    assert erase_warehouse_user(settings, str(who)) == 0

"""A user's lists are erased from every version, down to the server's files, and the others stay as they were."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import psycopg
import pyarrow.compute as pc

from handpick.lake.checksums import digest_from_checksums
from handpick.lake.partitions import write_parquet
from handpick.ledger.erasures import record_erasure
from handpick.night import Night
from handpick.serving.connection import connect
from handpick.serving.versions import list_versions
from handpick.settings.load import Settings
from handpick.stages.publish import run
from handpick.stages.publish.public import compare_served_versions, erase_served_user

from .conftest import DAY

WHO = "u007"


def erase_from_lists(night: Night) -> None:
    """Erase the user's list from the lake, as the erasure does before it comes to the server."""
    table, day = "lists/recommendations", night.logical_date
    rows = night.lake.read(table, day)
    kept = rows.filter(pc.not_equal(rows["user_id"], WHO))
    lost = len(rows) - len(kept)
    with night.lake.replace_partition(
        table, day, lambda new: record_erasure(night.lake, table, day, lost, digest_from_checksums(new) or "")
    ) as folder:
        write_parquet(kept, folder / "part-00000.parquet")


def test_versions_keep_everybody_else_and_are_known_as_those_of_their_lists(
    make_night: Callable[..., Night], settings: Settings, connection: psycopg.Connection
) -> None:
    nights = [make_night(DAY), make_night(DAY + timedelta(days=1), seed=2)]
    for night in nights:
        run(night)
        erase_from_lists(night)
    # The schemas of other tests have a user of this name, too, in the statistics of the whole database.
    connection.execute("delete from pg_statistic where starelid >= 16384")
    connection.execute("analyze recommendations_all")
    before = connection.execute("select count(*) from recommendations_all").fetchone()
    files = settings.path(settings.serving.embedded_path)
    assert any(WHO.encode() in file.read_bytes() for file in files.rglob("base/*/*") if file.is_file())
    rows, left = erase_served_user(settings, WHO)
    assert (rows, left) == (10, [])
    assert before is not None
    assert connection.execute("select count(*) from recommendations_all").fetchone() == (before[0] - 10,)
    compared = compare_served_versions(settings)
    assert [(one.is_comparable, one.problems) for one in compared] == [(True, ()), (True, ())]
    schema = settings.serving.schema_name
    paths = connection.execute(
        "select pg_relation_filepath(relid) from pg_partition_tree(%s) where isleaf union all select "
        "pg_relation_filepath(indexrelid) from pg_index join pg_partition_tree(%s) on relid = indrelid "
        "union all select pg_relation_filepath('pg_statistic')",
        [f"{schema}.recommendations_all"] * 2,
    ).fetchall()
    connection.execute("checkpoint")
    for (path,) in paths:
        if path is not None:
            assert WHO.encode() not in (files / path).read_bytes(), path
    # The same night published again is the version that is there.
    versions = list_versions(settings)
    run(nights[1])
    assert list_versions(settings) == versions
    assert erase_served_user(settings, WHO)[0] == 0


def test_a_transaction_that_still_sees_the_rows_is_waited_for_and_named(
    make_night: Callable[..., Night], settings: Settings, connection: psycopg.Connection
) -> None:
    night = make_night(DAY)
    run(night)
    erase_from_lists(night)
    with connect(settings, autocommit=True) as reader:
        reader.execute("begin isolation level repeatable read")
        reader.execute("select 1")
        rows, left = erase_served_user(settings, WHO, wait_s=0.3)
        assert rows == 5
        assert "still sees the deleted rows" in left[-1]
        reader.execute("commit")
    assert erase_served_user(settings, WHO) == (0, [])

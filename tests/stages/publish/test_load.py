"""Loading: rows are encoded, fingerprinted, split and loaded in parallel; differences are found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st
from psycopg import sql

from handpick.errors import ServingError
from handpick.night import Night
from handpick.serving.connection import connect
from handpick.serving.relations import ITEMS, RECOMMENDATIONS, Relation
from handpick.serving.schema import compose_columns
from handpick.settings.load import Settings
from handpick.stages.publish import row_preparation, run
from handpick.stages.publish.checks import check_part
from handpick.stages.publish.fingerprint import MODULUS, compose_row_hash, compute_fingerprint
from handpick.stages.publish.load import copy_part
from handpick.stages.publish.pg_copy import COPY_HEADER, COPY_TRAILER, encode_batches
from handpick.stages.publish.row_preparation import Part, prepare_rows, split_rows

from .conftest import DAY

MakeNight = Callable[..., Night]
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
DATES = st.dates(date(1900, 1, 1), date(2200, 1, 1))
PHONES = st.lists(
    st.tuples(
        TEXT,
        st.none() | TEXT,
        st.none() | TEXT,
        st.none() | st.floats(),
        st.none() | st.booleans(),
        st.none() | DATES,
        st.none() | TEXT,
        st.none() | TEXT,
    ),
    max_size=20,
)


@pytest.fixture(scope="module")
def session(server_settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    with connect(server_settings, autocommit=True) as connection:
        for relation in (ITEMS, RECOMMENDATIONS):
            connection.execute(
                sql.SQL("create temp table {} ({})").format(
                    sql.Identifier(relation.name), compose_columns(relation)
                )
            )
        yield connection


def loaded(session: psycopg.Connection[Any], rows: pa.Table, relation: Relation) -> tuple[int, int]:
    """Fingerprints of the rows as sent, and as stored in the database."""
    session.execute(f"truncate {relation.name}")
    sent = 0
    with session.cursor().copy(f"copy {relation.name} from stdin (format binary)") as copy:
        copy.write(COPY_HEADER)
        for batch in encode_batches(rows, relation):
            sent += compute_fingerprint(batch, relation)
            copy.write(batch.payload)
        copy.write(COPY_TRAILER)
    row = session.execute(
        sql.SQL("select coalesce(sum({}), 0) from {}").format(
            compose_row_hash(relation), sql.Identifier(relation.name)
        )
    ).fetchone()
    assert row is not None
    return sent % MODULUS, int(row[0]) % MODULUS


@limits(max_examples=60, deadline=None)
@given(phones=PHONES)
def test_whatever_the_values_they_arrive_and_the_server_computes_the_same_fingerprint(
    session: psycopg.Connection[Any], phones: list[tuple[Any, ...]]
) -> None:
    columns = [list(column) for column in zip(*phones, strict=True)] or [[]] * len(ITEMS.columns)
    types = {
        "text": pa.string(),
        "double precision": pa.float64(),
        "boolean": pa.bool_(),
        "date": pa.date32(),
    }
    rows = pa.table(
        {
            column.name: pa.array(values, types[column.sql_type])
            for column, values in zip(ITEMS.columns, columns, strict=True)
        }
    )
    sent, found = loaded(session, prepare_rows(rows, ITEMS), ITEMS)
    assert sent == found
    back = session.cursor(binary=True).execute("select * from items").fetchall()
    assert sorted(map(repr, back)) == sorted(map(repr, phones))


def recommendations(users: int = 30, n: int = 5) -> pa.Table:
    """Lists in which all values differ."""
    count = users * n
    text = pa.array([f"{number} of {count}" for number in range(count)])
    return prepare_rows(
        pa.table(
            {
                "user_id": pa.array(np.repeat([f"u{user:03}" for user in range(users)], n)),
                "rank": np.tile(np.arange(1, n + 1, dtype=np.int16), users),
                "item_id": text,
                "score": np.arange(count, dtype=np.float32) - 3,
                "source": text,
                "reason": text,
                "reason_code": text,
                "relaxed_rules": pa.array([None if number % 3 else str(number) for number in range(count)]),
                "propensity": pa.array(
                    [None if number % 4 else number / count for number in range(count)], pa.float32()
                ),
            }
        ),
        RECOMMENDATIONS,
    )


@pytest.mark.parametrize(
    "change",
    [
        "update recommendations r set item_id = item_id || ' ' where user_id = 'u003' and rank = 2",
        "update recommendations r set score = -score where user_id = 'u003' and rank = 2",
        "update recommendations r set propensity = 0 where user_id = 'u000' and rank = 2",
        "update recommendations r set relaxed_rules = '' where user_id = 'u000' and rank = 2",
        "update recommendations r set relaxed_rules = null where user_id = 'u000' and rank = 1",
        "update recommendations r set source = reason_code || 'x', reason_code = source || 'x' where "
        "user_id = 'u003'",
        "delete from recommendations where user_id = 'u029' and rank = 5",
        "insert into recommendations select * from recommendations where user_id = 'u001' and rank = 1",
        "update recommendations r set item_id = (select item_id from recommendations other where "
        "other.user_id = r.user_id and other.rank = 3 - r.rank)"
        " where user_id = 'u004' and rank in (1, 2)",
    ],
)
def test_any_change_of_the_rows_changes_the_fingerprint(
    session: psycopg.Connection[Any], change: str
) -> None:
    sent, found = loaded(session, recommendations(), RECOMMENDATIONS)
    assert sent == found
    session.execute(change.encode())
    row = session.execute(
        sql.SQL("select sum({}) from {}").format(
            compose_row_hash(RECOMMENDATIONS), sql.Identifier("recommendations")
        )
    ).fetchone()
    assert row is not None
    assert int(row[0]) % MODULUS != sent


def test_a_table_that_differs_from_what_was_sent_is_refused(
    settings: Settings, connection: psycopg.Connection[Any]
) -> None:
    schema = settings.serving.schema_name
    connection.execute(f"create schema {schema}")
    part = Part(RECOMMENDATIONS, "recommendations_v1", recommendations())
    phones = Part(
        ITEMS,
        "items_v1",
        prepare_rows(pa.table({"item_id": part.rows["item_id"], "is_in_stock": [True] * 150}), ITEMS),
    )
    with connection.transaction():
        check_part(connection, schema, 1, phones, copy_part(connection, schema, 1, phones))
        expected = copy_part(connection, schema, 1, part)
    check_part(connection, schema, 1, part, expected)
    connection.execute("update recommendations_v1 set reason = 'because' where user_id = 'u007' and rank = 1")
    with pytest.raises(ServingError, match="recommendations_v1 differs from lists/recommendations: 150 rows"):
        check_part(connection, schema, 1, part, expected)


@pytest.mark.parametrize("streams", [1, 2, 3, 7])
def test_parts_are_even_and_whole_lists(monkeypatch: pytest.MonkeyPatch, streams: int) -> None:
    monkeypatch.setattr(row_preparation, "MIN_PART_ROWS", 20)
    rows = recommendations()
    found = split_rows(rows, RECOMMENDATIONS, 4, streams)
    assert len(found) == streams
    assert pa.concat_tables([part.rows for part in found]) == rows
    assert [part.start for part in found] == [None, *(part.end for part in found[:-1])]
    for part in found:
        owners = part.rows["user_id"].to_pylist()
        assert len(owners) % 5 == 0
        assert part.start is None or owners[0] == part.start
        assert part.end is None or owners[-1] < part.end


def test_one_list_longer_than_all_parts_is_not_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_preparation, "MIN_PART_ROWS", 20)
    (part,) = split_rows(recommendations(users=1, n=100), RECOMMENDATIONS, 4, 3)
    assert (part.table, part.start, part.end) == ("recommendations_v4", None, None)


def test_a_version_in_parts_is_read_rolled_back_and_dropped_like_any_other(
    make_night: MakeNight, connection: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_preparation, "MIN_PART_ROWS", 20)

    def tables() -> list[str]:
        found = connection.execute(
            "select relname from pg_class where relname like 'recommendations_v%' and relkind in ('r', 'p') "
            "and relnamespace = current_schema()::regnamespace order by 1"
        )
        return [row[0] for row in found]

    for days in range(3):
        night = make_night(DAY + timedelta(days=days), seed=days)
        keeping = night.settings.serving.model_copy(update={"keep_versions": 2, "keep_days": 1})
        run(Night(night.settings.model_copy(update={"serving": keeping}), night.logical_date))
        found = connection.execute(
            'select user_id, rank, item_id from recommendations order by user_id collate "C", rank'
        ).fetchall()
        rows = night.lake.read("lists/recommendations", night.logical_date, ["user_id", "rank", "item_id"])
        assert found == [tuple(row.values()) for row in rows.to_pylist()]
    assert tables() == [
        f"recommendations_v{version}{part}" for version in (2, 3) for part in ("", "_1", "_2")
    ]
    plan = connection.execute("explain select * from recommendations where user_id = 'u001'").fetchall()
    # The planner opens the one part of each version that the user can be in.
    assert set(re.findall(r"recommendations_v\d(_\d)", str(plan))) == {"_1"}


def test_parts_left_by_a_killed_publish_are_removed(
    make_night: MakeNight, connection: psycopg.Connection[Any]
) -> None:
    run(make_night(DAY))
    connection.execute(
        "insert into list_versions (version, logical_date, status) values (2, now(), 'loading')"
    )
    connection.execute("create table recommendations_v2_1 (half int)")
    run(make_night(DAY + timedelta(days=1), seed=2))
    assert connection.execute("select to_regclass('recommendations_v2_1')").fetchone() == (None,)

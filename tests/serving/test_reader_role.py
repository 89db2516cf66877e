"""The reader role reads, and can do nothing else: not write, not create, and not hold up a publish."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any, LiteralString

import psycopg
import pytest

from handpick.serving.connection import connect
from handpick.serving.reader_role import find_excess_rights
from handpick.serving.schema import ensure_schema
from handpick.serving.versions import hold_publish_lock, remove_leftovers
from handpick.settings.load import Settings


@pytest.fixture
def owner(server_settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    """The publishing user's connection to a set-up schema."""
    with connect(server_settings, autocommit=True) as connection:
        ensure_schema(connection, server_settings)
        yield connection


@pytest.fixture
def reader(owner: psycopg.Connection[Any], server_settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    """A consumer's connection, which has undone all limits that a session may undo."""
    with connect(server_settings, autocommit=True, reader=True) as connection:
        assert connection.execute("select current_user").fetchone() == ("handpick_reader",)
        for name in (
            "default_transaction_read_only",
            "statement_timeout",
            "idle_in_transaction_session_timeout",
        ):
            connection.execute(f"set {name} = {'off' if name.endswith('only') else 0}")
        yield connection


def test_a_reader_reads_all_that_consumers_need(reader: psycopg.Connection[Any]) -> None:
    for name in ("recommendations", "similar_items", "popular_items", "items", "list_versions", "ledger"):
        reader.execute(f"select * from serving.{name} limit 1")


@pytest.mark.parametrize(
    "statement",
    [
        "insert into serving.ledger values ('2026-01-01', 'x', 'x', 1, 1, '{}', 'x', 1)",
        "update serving.current_version set version = 1",
        "delete from serving.list_versions",
        "truncate serving.ledger",
        "drop view serving.recommendations",
        "create table serving.mine (x int)",
        "create table public.mine (x int)",
        "create schema mine",
        "create temporary table mine (x int)",
        "create temporary view mine as select 1",
        "create function public.mine() returns int language sql as 'select 1'",
        "select lo_create(0)",
        "select lo_from_bytea(0, 'x')",
        "select pg_advisory_lock(1)",
        "select pg_try_advisory_xact_lock(1, 2)",
        "select * from serving.recommendations_all",
        "lock table serving.publish_lock in exclusive mode",
        "lock table serving.publish_lock in access share mode",
        "lock table serving.recommendations in exclusive mode",
        "select * from serving.current_version for update",
        "copy serving.ledger to '/tmp/x'",
        "copy (select 1) to program 'id'",
        "select pg_read_file('/etc/passwd')",
        "set role postgres",
        "set session authorization postgres",
        "alter role handpick_reader connection limit -1",
        "alter system set port = 1",
    ],
)
def test_a_reader_can_do_nothing_else(reader: psycopg.Connection[Any], statement: LiteralString) -> None:
    # `lock table` needs a transaction, and `alter system` must not be in one.
    if statement.startswith("lock"):
        reader.execute("begin")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute(statement)


def test_a_reader_has_limits_by_default(owner: psycopg.Connection[Any], server_settings: Settings) -> None:
    with connect(server_settings, reader=True) as connection:
        assert connection.execute("show default_transaction_read_only").fetchone() == ("on",)
        assert connection.execute("show idle_in_transaction_session_timeout").fetchone() == ("1min",)
    limit = owner.execute("select rolconnlimit from pg_roles where rolname = 'handpick_reader'").fetchone()
    assert limit == (50,)
    assert find_excess_rights(owner, "handpick_reader") == []


def test_a_reader_cannot_enter_another_database(
    owner: psycopg.Connection[Any], server_settings: Settings
) -> None:
    from handpick.serving.embedded import get_database_url

    for database in ("airflow", "postgres"):
        get_database_url(server_settings, "airflow")
        url = get_database_url(server_settings, server_settings.serving.database, "handpick_reader")
        with pytest.raises(psycopg.OperationalError, match="CONNECT"):
            psycopg.connect(url.replace("@/handpick?", f"@/{database}?"))


def test_a_reader_with_a_long_transaction_does_not_hold_up_the_removal_of_versions_for_long(
    owner: psycopg.Connection[Any],
    reader: psycopg.Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("handpick.serving.versions.CLEANUP_SECONDS", 1)
    owner.execute(
        "insert into serving.list_versions (version, logical_date, status) values (901, '2026-01-01', 'dropped')"
    )
    owner.execute("create table serving.items_v901 partition of serving.items_all for values in (901)")
    reader.execute("begin")
    reader.execute("select count(*) from serving.items")
    began = time.monotonic()
    remove_leftovers(owner, "serving")
    assert time.monotonic() - began < 5
    assert "removed by the next publish" in capfd.readouterr().err
    reader.execute("rollback")
    remove_leftovers(owner, "serving")
    assert owner.execute("select to_regclass('serving.items_v901')").fetchone() == (None,)
    owner.execute("delete from serving.list_versions where version = 901")


def test_two_publishes_at_once_come_one_after_the_other(
    owner: psycopg.Connection[Any], server_settings: Settings
) -> None:
    order: list[str] = []

    def publish() -> None:
        with connect(server_settings, autocommit=True) as second, hold_publish_lock(second, "serving"):
            order.append("second")

    with hold_publish_lock(owner, "serving"):
        thread = threading.Thread(target=publish)
        thread.start()
        time.sleep(0.5)
        order.append("first")
    thread.join(timeout=20)
    assert order == ["first", "second"]


def test_a_schema_of_an_earlier_version_gets_the_lock_and_the_limits(
    owner: psycopg.Connection[Any], server_settings: Settings
) -> None:
    owner.execute("drop table serving.publish_lock")
    owner.execute("alter role handpick_reader connection limit -1")
    owner.execute("grant temporary on database handpick to public")
    ensure_schema(owner, server_settings)
    assert find_excess_rights(owner, "handpick_reader") == []
    with hold_publish_lock(owner, "serving"):
        pass

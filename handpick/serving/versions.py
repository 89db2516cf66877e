"""List versions: listing them, moving the pointer to the current one, and dropping old ones."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from handpick.errors import ServingError
from handpick.runtime.log import log_progress
from handpick.serving.read_lists import connect_for_reading
from handpick.serving.relations import RELATIONS
from handpick.serving.schema import LOCK_TABLE, create_lock_table
from handpick.serving.statements import compose_statement
from handpick.settings.load import Settings

LOCK_SECONDS = 600
"""Time limit for the publish lock."""
CLEANUP_SECONDS = 10
"""How long the removal of an old version waits for readers that have it open."""
DRAIN_SECONDS = 5.0
"""Time limit of `wait_for_planned_statements`; a statement that has run for longer is past its planning."""


@dataclass(frozen=True)
class ListVersion:
    """One published version of the lists."""

    version: int
    logical_date: date
    is_current: bool
    recommendation_count: int
    user_count: int
    similar_item_count: int
    popular_item_count: int
    digest: str
    model: str | None
    metrics: dict[str, Any]
    published_at: datetime
    is_demo: bool | None
    """Whether the lists are of the demo shop; None if an earlier release published them."""


def list_versions(settings: Settings) -> list[ListVersion]:
    """Return the versions that can be read or rolled back to, newest first.

    Raises:
        ServingError: If the database does not answer, or nothing was ever published to it.
    """
    with connect_for_reading(settings) as connection:
        return query_versions(connection, settings.serving.schema_name)


def query_versions(connection: psycopg.Connection[Any], schema: str) -> list[ListVersion]:
    """Query the published versions, newest first."""
    query = compose_statement(
        "select v.version, logical_date, v.version = c.version as is_current, recommendation_count, "
        "user_count, similar_item_count, popular_item_count, digest, model, metrics, published_at, "
        # Not by its name: a schema that an earlier release made has no such column until the next publish.
        "(to_jsonb(v) ->> 'is_demo')::boolean as is_demo from "
        "{schema}.list_versions v left join {schema}.current_version c on true where status = 'published' "
        "order by v.version desc",
        schema=schema,
    )
    with connection.cursor(row_factory=class_row(ListVersion)) as cursor:
        return cursor.execute(query).fetchall()


def rollback(settings: Settings, version: int | str | None = None) -> int:
    """Move the pointer back to an earlier version, or to any other.

    Args:
        settings: All settings; `[serving]` names the server.
        version: A number such as `12` or `v12`; by default the newest version before the current one.

    Returns:
        The version that is current now.

    Raises:
        ServingError: If there is no such version; the pointer is not moved.
    """
    with connect_for_reading(settings) as connection:
        connection.commit()
        # Without autocommit, reading the versions would open a transaction, and `hold_publish_lock` would
        # roll the move back with it.
        connection.autocommit = True
        with hold_publish_lock(connection, settings.serving.schema_name):
            kept = query_versions(connection, settings.serving.schema_name)
            target = _resolve_target(kept, version)
            with connection.transaction():
                move_pointer(connection, settings.serving.schema_name, target)
    return target


def _resolve_target(kept: list[ListVersion], version: int | str | None) -> int:
    """Return the version to move to.

    Raises:
        ServingError: If it is not kept.
    """
    numbers = ", ".join(str(one.version) for one in kept) or "none"
    if version is not None:
        text = str(version).removeprefix("v")
        if not text.isdecimal() or int(text) not in {one.version for one in kept}:
            raise ServingError(
                f"there is no list version {version}; the pointer was not moved. Kept are: {numbers}"
            )
        return int(text)
    current = next((one.version for one in kept if one.is_current), None)
    earlier = [one.version for one in kept if current is not None and one.version < current]
    if not earlier:
        raise ServingError(
            f"there is no version before the current one; the pointer was not moved. Kept are: {numbers}"
        )
    return earlier[0]


def move_pointer(connection: psycopg.Connection[Any], schema: str, version: int) -> None:
    """Make a version current, within the caller's transaction."""
    connection.execute(
        compose_statement(
            "insert into {schema}.current_version as c (version, generated_at) select version, "
            "published_at from {schema}.list_versions where version = %s and status = 'published' on "
            "conflict (is_the_one) do update set version = excluded.version, generated_at = "
            "excluded.generated_at, moved_at = now()",
            schema=schema,
        ),
        [version],
    )


@contextmanager
def hold_publish_lock(connection: psycopg.Connection[Any], schema: str) -> Iterator[None]:
    """Hold the publish lock of a schema; the server releases it when this process ends for any reason.

    It is a lock on a table that readers have no right to lock. An advisory lock would not do: anybody who may
    connect can take any of those. As the steps of a publish are many transactions, and a table's lock lasts
    for one, a second connection holds it.

    Args:
        connection: A connection to the same database, by which the second one is opened.
        schema: The serving schema.

    Raises:
        ServingError: If another process holds it for ten minutes.
    """
    info = connection.info
    deadline = time.monotonic() + LOCK_SECONDS
    with psycopg.connect(
        info.dsn, password=info.password or None, application_name="handpick lock"
    ) as holder:
        # The transaction is idle for as long as the publish takes.
        holder.execute("set idle_in_transaction_session_timeout = 0")
        holder.execute("set statement_timeout = 0")
        holder.commit()
        # Polled: waiting for the lock would run into a lock timeout of the server, if it has one.
        while not _take_lock(holder, schema):
            if time.monotonic() > deadline:
                raise ServingError(
                    f"another process has been publishing to schema {schema} for {LOCK_SECONDS} s; nothing "
                    "was changed. See pg_stat_activity, or run again later."
                )
            time.sleep(0.05)
        try:
            yield
        finally:
            if not holder.closed:
                with suppress(psycopg.OperationalError):  # the server has ended, and the lock with it
                    holder.rollback()


def _take_lock(holder: psycopg.Connection[Any], schema: str) -> bool:
    """Lock the schema's lock table within the connection's transaction; return whether it was free."""
    try:
        holder.execute(
            compose_statement(
                "lock table {schema}.{table} in exclusive mode nowait", schema=schema, table=LOCK_TABLE
            )
        )
    except psycopg.errors.LockNotAvailable:
        holder.rollback()
        return False
    except psycopg.errors.UndefinedTable:  # a schema of an earlier version
        holder.rollback()
        with suppress(psycopg.errors.UniqueViolation), holder.transaction():
            create_lock_table(holder, schema)
        holder.commit()
        return False
    return True


def wait_for_planned_statements(connection: psycopg.Connection[Any], schema: str) -> None:
    """Wait until no statement that was planned before now has yet to start.

    A statement that was planned before a partition was attached, and starts after the pointer has moved to
    it, would see no rows. Such a statement has held a lock on the partitioned table since before its
    planning, so the transactions that hold one now are waited for, up to `DRAIN_SECONDS`.
    """
    names = [f"{schema}.{relation.partitioned_table}" for relation in RELATIONS]
    holders = """
        select distinct virtualtransaction from pg_locks
        where locktype = 'relation' and relation = any(%s::regclass[]::oid[]) and pid <> pg_backend_pid()
    """
    waiting = {row[0] for row in connection.execute(holders, [names])}
    deadline = time.monotonic() + DRAIN_SECONDS
    while waiting and time.monotonic() < deadline:
        connection.commit()
        time.sleep(0.002)
        waiting &= {row[0] for row in connection.execute(holders, [names])}
    connection.commit()


def drop_old_versions(
    connection: psycopg.Connection[Any], settings: Settings, logical_date: date
) -> list[int]:
    """Drop versions beyond the configured count or age.

    The current version and the newest one before it always stay.

    Args:
        connection: Connection in autocommit: partitions are detached concurrently, so that no reader waits.
        settings: Count, age and schema.
        logical_date: The date from which ages are counted.

    Returns:
        The dropped versions.
    """
    serving = settings.serving
    kept = query_versions(connection, serving.schema_name)
    current = next((one.version for one in kept if one.is_current), 0)
    older = [one for one in kept if one.version < current]
    oldest = logical_date - timedelta(days=serving.keep_days)
    dropped = [
        one.version
        for place, one in enumerate(older)
        if place > 0 and (place >= serving.keep_versions or one.logical_date < oldest)
    ]
    for version in dropped:
        connection.execute(
            compose_statement(
                "update {schema}.list_versions set status = 'dropped' where version = %s",
                schema=serving.schema_name,
            ),
            [version],
        )
    remove_leftovers(connection, serving.schema_name)
    return dropped


def remove_leftovers(connection: psycopg.Connection[Any], schema: str) -> None:
    """Drop the tables of versions that were dropped, or whose loading was killed.

    A reader that has such a table open in a long transaction is waited for briefly; then the rest is left to
    the next publish, so that no reader can hold up the lists.

    Args:
        connection: Connection in autocommit.
        schema: The serving schema.
    """
    usual = str(_fetch_value(connection, "show statement_timeout", []))
    # Not the lock timeout: detaching concurrently waits for transactions, which that one does not count.
    _set_timeout(connection, f"{CLEANUP_SECONDS}s")
    try:
        _drop_leftovers(connection, schema)
    except (psycopg.errors.QueryCanceled, psycopg.errors.ObjectInUse):
        log_progress(
            "  a reader has an old list version open in a long transaction (see pg_stat_activity); the "
            "version is removed by the next publish"
        )
    finally:
        if not connection.closed:
            _set_timeout(connection, usual)


def _drop_leftovers(connection: psycopg.Connection[Any], schema: str) -> None:
    """Drop the tables of versions that were dropped, or whose loading was killed.

    Raises:
        psycopg.errors.QueryCanceled: If a reader has one of them open for too long.
    """
    rows = connection.execute(
        compose_statement(
            "select version from {schema}.list_versions where status <> 'published'", schema=schema
        )
    ).fetchall()
    gone = {int(row[0]) for row in rows}
    tables = {
        str(row[0])
        for row in connection.execute(
            "select relname from pg_class c join pg_namespace n on n.oid = relnamespace "
            "where nspname = %s and relkind in ('r', 'p')",
            [schema],
        )
    }
    for relation in RELATIONS:
        for version in sorted(gone):
            table = relation.version_table(version)
            if table in tables:
                _detach_partition(connection, schema, relation.partitioned_table, table)
            # Its parts are dropped with it; if loading was killed before they were joined, they are separate
            # tables.
            parts = sorted(name for name in tables if name.startswith(f"{table}_"))
            for name in (table, *parts):
                connection.execute(
                    compose_statement("drop table if exists {schema}.{table}", schema=schema, table=name)
                )
    connection.execute(
        compose_statement("delete from {schema}.list_versions where status = 'loading'", schema=schema)
    )


def _set_timeout(connection: psycopg.Connection[Any], value: str) -> None:
    """Set the statement timeout of a session."""
    connection.execute("select set_config('statement_timeout', %s, false)", [value])


def _detach_partition(connection: psycopg.Connection[Any], schema: str, whole: str, table: str) -> None:
    """Detach a partition without making readers wait; finish what a killed run began to detach."""
    state = _fetch_value(
        connection,
        "select case when inhdetachpending then 'pending' else 'attached' end from pg_inherits "
        "where inhrelid = to_regclass(%s)",
        [f"{schema}.{table}"],
    )
    if state is not None:
        # `concurrently` works in two transactions; between them the partition is pending.
        ending = "finalize" if state == "pending" else "concurrently"
        connection.execute(
            sql.SQL("alter table {}.{} detach partition {}.{} {}").format(
                sql.Identifier(schema),
                sql.Identifier(whole),
                sql.Identifier(schema),
                sql.Identifier(table),
                sql.SQL(ending),
            )
        )


def _fetch_value(connection: psycopg.Connection[Any], query: str, parameters: list[Any]) -> Any:
    """Return the first column of the first row, None if there is no row."""
    row = connection.execute(query.encode(), parameters).fetchone()
    return None if row is None else row[0]

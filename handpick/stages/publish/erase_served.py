"""Erases a user's lists from every version in the serving database, down to its files."""

from __future__ import annotations

import time
from typing import Any

import psycopg

from handpick.ledger.erasures import read_erasures
from handpick.night import Night
from handpick.runtime.log import log_progress
from handpick.serving.connection import connect
from handpick.serving.relations import RECOMMENDATIONS, RELATIONS
from handpick.serving.statements import compose_statement
from handpick.serving.versions import hold_publish_lock, query_versions, remove_leftovers
from handpick.settings.load import Settings
from handpick.stages.publish.publish import digest_lists

SNAPSHOT_WAIT_S, SNAPSHOT_POLL_S = 60.0, 0.1
"""Seconds to wait for transactions that still see the deleted rows, and between two looks for them."""
WAL_SWITCHES = 2
"""After this many, with checkpoints, no segment of the write-ahead log is left that was written before."""


def erase_served_user(
    settings: Settings, user_id: str, *, wait_s: float = SNAPSHOT_WAIT_S
) -> tuple[int, list[str]]:
    """Delete a user's rows from all versions, and rewrite their tables so that no file keeps the bytes.

    Run after the lists in the lake were erased, so that versions keep the digests of their lists. Readers of
    a version wait while its table is rewritten.

    Args:
        settings: All settings; `[serving]` names the server.
        user_id: The user.
        wait_s: Seconds to wait for transactions that still see the rows.

    Returns:
        The number of rows deleted, and what could not be done on this server, a sentence each.

    Raises:
        ServingError: If the database does not answer.
    """
    schema = settings.serving.schema_name
    with connect(settings, autocommit=True, timeout_s=settings.serving.load_timeout_s) as connection:
        if connection.execute("select to_regclass(%s)", [f"{schema}.items"]).fetchone() == (None,):
            return 0, []
        with hold_publish_lock(connection, schema):
            remove_leftovers(connection, schema)
            rows = connection.execute(
                compose_statement(
                    "delete from {schema}.{table} where user_id = %s",
                    schema=schema,
                    table=RECOMMENDATIONS.partitioned_table,
                ),
                [user_id],
            ).rowcount
            _renew_digests(connection, settings)
            is_unseen = _wait_for_snapshots(connection, wait_s)
            for leaf in _list_leaves(connection, f"{schema}.{RECOMMENDATIONS.partitioned_table}"):
                connection.execute(
                    compose_statement("vacuum (full) {schema}.{table}", schema=schema, table=leaf)
                )
            # The statistics of the whole, which somebody may have asked for, hold some of its values, too.
            connection.execute(
                compose_statement(
                    "analyze {schema}.{table}", schema=schema, table=RECOMMENDATIONS.partitioned_table
                )
            )
        left = _clean_server(connection, is_embedded=settings.serving.dsn is None)
    if not is_unseen:
        left.append(
            "a transaction that was open before still sees the deleted rows, so the server keeps their bytes "
            "until its next vacuum; end it and erase again"
        )
    return rows, left


def _wait_for_snapshots(connection: psycopg.Connection[Any], timeout_s: float) -> bool:
    """Wait until no transaction can see rows that were deleted before; return whether none can.

    As long as one can, a rewritten table keeps the deleted rows.
    """
    (now,) = connection.execute("select pg_current_xact_id()::text").fetchone() or ("0",)
    query = (
        "select count(*) from pg_stat_activity where datname = current_database() "
        "and pid <> pg_backend_pid() and backend_xmin is not null and age(backend_xmin) > age(%s::xid8::xid)"
    )
    until = time.monotonic() + timeout_s
    while connection.execute(query, [now]).fetchone() != (0,):
        if time.monotonic() > until:
            return False
        time.sleep(SNAPSHOT_POLL_S)
    return True


def _list_leaves(connection: psycopg.Connection[Any], table: str) -> list[str]:
    """Return the names of the tables that hold the rows of a partitioned table."""
    query = "select relid::regclass::text, relname from pg_partition_tree(%s) join pg_class on oid = relid"
    return [row[1] for row in connection.execute(query + " where isleaf order by relname", [table])]


def _renew_digests(connection: psycopg.Connection[Any], settings: Settings) -> None:
    """Give versions the digests that their lists have now, so that they are known as loaded from them."""
    schema = settings.serving.schema_name
    for version in query_versions(connection, schema):
        night = Night(settings, version.logical_date)
        if not all(night.lake.has(relation.lake_table, night.logical_date) for relation in RELATIONS):
            continue
        erased = read_erasures(night.lake, night.logical_date)
        former = [{table: entry.was for table, entry in erased.items()}]
        former.append({table: entry.previous for table, entry in erased.items()})
        if version.digest in {digest_lists(night, digests) for digests in former}:
            connection.execute(
                compose_statement(
                    "update {schema}.list_versions set digest = %s where version = %s", schema=schema
                ),
                [digest_lists(night), version.version],
            )


def _clean_server(connection: psycopg.Connection[Any], *, is_embedded: bool) -> list[str]:
    """Rewrite the server's statistics, and on the embedded server drop the write-ahead log so far."""
    left = []
    try:
        # The statistics of a column hold some of its values.
        connection.execute("vacuum full pg_catalog.pg_statistic")
    except psycopg.Error as error:
        left.append(f"the server's statistics were not rewritten: {str(error).splitlines()[0]}")
    if not is_embedded:
        left.append(
            "the write-ahead log, replicas and backups of the serving database keep what they had until they "
            "are overwritten: they are the server's owner's"
        )
        return left
    # Old segments are deleted instead of being kept for reuse with their content.
    connection.execute("alter system set wal_recycle = off")
    connection.execute("select pg_reload_conf()")
    for _ in range(WAL_SWITCHES):
        connection.execute("select pg_switch_wal()")
        connection.execute("checkpoint")
    log_progress("  serving database: tables rewritten, write-ahead log cut")
    return left

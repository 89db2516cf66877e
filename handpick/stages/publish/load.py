"""Loads one list version: parts in parallel, each copied, indexed and checked in one transaction."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import SimpleQueue
from typing import Any, LiteralString

import psycopg
import pyarrow as pa
from psycopg import sql

from handpick.serving.connection import connect
from handpick.serving.relations import ITEMS, Relation
from handpick.serving.schema import compose_columns
from handpick.serving.statements import compose_statement
from handpick.settings.load import Settings
from handpick.stages.publish.checks import check_part
from handpick.stages.publish.fingerprint import MODULUS, compute_fingerprint
from handpick.stages.publish.pg_copy import COPY_HEADER, COPY_TRAILER, encode_batches
from handpick.stages.publish.row_preparation import Part, split_rows

SESSION_SETTINGS: LiteralString = (
    # Parts are loaded in parallel, so each needs one process only; compiling costs more than it gains here,
    # and the planner needs no better statistics for look-ups by key.
    "set local jit = off; set local max_parallel_workers_per_gather = 0; "
    "set local max_parallel_maintenance_workers = 0; set local default_statistics_target = 30"
)


def load_tables(
    connection: psycopg.Connection[Any], settings: Settings, version: int, tables: dict[Relation, pa.Table]
) -> None:
    """Load and check a version's tables, the phones first, because lists are checked against them.

    Args:
        connection: Connection in autocommit; it joins the parts, which other connections load.
        settings: Names the schema, the number of parallel streams and their time limit.
        version: The list version.
        tables: Prepared rows by relation.

    Raises:
        ServingError: If a table differs from what was sent, or breaks a guarantee.
    """
    streams, schema = settings.serving.load_streams, settings.serving.schema_name
    with ExitStack() as stack:
        idle: SimpleQueue[psycopg.Connection[Any]] = SimpleQueue()
        for _ in range(streams):
            limit_s = settings.serving.load_timeout_s
            idle.put(stack.enter_context(connect(settings, autocommit=True, timeout_s=limit_s)))
        pool = stack.enter_context(ThreadPoolExecutor(streams))

        def load(part: Part) -> None:
            stream = idle.get()  # there are as many connections as threads
            try:
                load_part(stream, schema, version, part)
            finally:
                idle.put(stream)

        # Lists are checked for phones that cannot be sold, so the phones must be there first.
        for group in ([ITEMS], [relation for relation in tables if relation != ITEMS]):
            parts_of = {
                relation: split_rows(tables[relation], relation, version, streams) for relation in group
            }
            list(pool.map(load, (part for parts_of_one in parts_of.values() for part in parts_of_one)))
            with connection.transaction():
                for relation, parts_of_one in parts_of.items():
                    _join_parts(connection, schema, relation.version_table(version), parts_of_one)


def load_part(connection: psycopg.Connection[Any], schema: str, version: int, part: Part) -> None:
    """Load, index and check one part in one transaction.

    A table that is created in the same transaction is written frozen and, where WAL is minimal, only once; so
    is its index.
    """
    with connection.transaction():
        connection.execute(SESSION_SETTINGS)
        expected = copy_part(connection, schema, version, part)
        # Built after the rows: one sort instead of an insertion for each row.
        connection.execute(
            sql.SQL("alter table {}.{} add primary key ({})").format(
                sql.Identifier(schema),
                sql.Identifier(part.table),
                sql.SQL(", ").join(map(sql.Identifier, part.relation.key)),
            )
        )
        check_part(connection, schema, version, part, expected)
        connection.execute(compose_statement("analyze {schema}.{table}", schema=schema, table=part.table))


def copy_part(connection: psycopg.Connection[Any], schema: str, version: int, part: Part) -> int:
    """Create a part's table, COPY the rows into it, and return the fingerprint of what was sent."""
    relation, names = part.relation, {"schema": sql.Identifier(schema), "table": sql.Identifier(part.table)}
    connection.execute(
        sql.SQL(
            "create table {schema}.{table} (list_version integer not null default {version} check "
            "(list_version = {version}), {columns}{edges})"
        ).format(
            **names,
            version=sql.Literal(version),
            columns=compose_columns(relation),
            edges=_compose_range_constraint(part),
        )
    )
    command = sql.SQL("copy {schema}.{table} ({columns}) from stdin (format binary, freeze)").format(
        **names, columns=sql.SQL(", ").join(map(sql.Identifier, relation.column_names))
    )
    total = 0
    with connection.cursor() as cursor, cursor.copy(command) as copy:
        copy.write(COPY_HEADER)
        for batch in encode_batches(part.rows, relation):
            copy.write(batch.payload)
            total += compute_fingerprint(batch, relation)
        copy.write(COPY_TRAILER)
    return total % MODULUS


def _compose_range_constraint(part: Part) -> sql.Composable:
    """Build a constraint on the part's range of keys, which spares PostgreSQL a scan when attaching it."""
    key = sql.Identifier(part.relation.key[0])
    tests = [
        sql.SQL("{} {} {}").format(key, sql.SQL(operator), sql.Literal(edge))
        for operator, edge in ((">=", part.start), ("<", part.end))
        if edge is not None
    ]
    if not tests:
        return sql.SQL("")
    return sql.SQL(", check ({} is not null and {})").format(key, sql.SQL(" and ").join(tests))


def _join_parts(
    connection: psycopg.Connection[Any], schema: str, table: str, parts_of_one: list[Part]
) -> None:
    """Make several parts the partitions of one table, by ranges of the key's first column."""
    if len(parts_of_one) == 1:  # its table has the version's name already
        return
    relation = parts_of_one[0].relation
    connection.execute(
        sql.SQL("create table {}.{} (list_version integer not null, {}) partition by range ({})").format(
            sql.Identifier(schema),
            sql.Identifier(table),
            compose_columns(relation),
            sql.Identifier(relation.key[0]),
        )
    )
    for part in parts_of_one:
        edges = [
            sql.SQL(otherwise) if edge is None else sql.Literal(edge)
            for edge, otherwise in ((part.start, "minvalue"), (part.end, "maxvalue"))
        ]
        connection.execute(
            sql.SQL("alter table {}.{} attach partition {}.{} for values from ({}) to ({})").format(
                sql.Identifier(schema),
                sql.Identifier(table),
                sql.Identifier(schema),
                sql.Identifier(part.table),
                *edges,
            )
        )


def attach_partitions(
    connection: psycopg.Connection[Any], schema: str, version: int, relations: tuple[Relation, ...]
) -> None:
    """Attach a version's tables as partitions; no reader sees them until the pointer moves."""
    for relation in relations:
        connection.execute(
            sql.SQL(
                "alter table {schema}.{whole} attach partition {schema}.{table} for values in ({version})"
            ).format(
                schema=sql.Identifier(schema),
                whole=sql.Identifier(relation.partitioned_table),
                table=sql.Identifier(relation.version_table(version)),
                version=sql.Literal(version),
            )
        )

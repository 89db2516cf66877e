"""Loads one list version: parts in parallel, each copied, indexed and checked in one transaction."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import SimpleQueue
from typing import Any, LiteralString

import psycopg
import pyarrow as pa
from psycopg import sql

from handpick.errors import ServingError
from handpick.serving.connection import connect
from handpick.serving.relations import ITEMS, POPULAR_ITEMS, RECOMMENDATIONS, SIMILAR_ITEMS, Relation
from handpick.serving.schema import compose_columns, compose_statement
from handpick.settings.load import Settings
from handpick.stages.publish.fingerprint import MODULUS, compose_row_hash, compute_fingerprint
from handpick.stages.publish.pg_copy import COPY_HEADER, COPY_TRAILER, encode_batches
from handpick.stages.publish.prepare import Part, split_rows

LISTED_COLUMNS = {RECOMMENDATIONS: "item_id", SIMILAR_ITEMS: "similar_item_id", POPULAR_ITEMS: "item_id"}
"""The relations that are lists, and their column with the listed phone."""
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
        connection: In autocommit; it joins the parts, which other connections load.
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


ROWS_QUERY: LiteralString = "select count(*), coalesce(sum({hash}), 0), null from {schema}.{table}"
LISTS_QUERY: LiteralString = """
select coalesce(sum(rows), 0), coalesce(sum(hash), 0), min(item) filter (where items.is_in_stock is not true)
from (
    select {item} as item, count(*) as rows, sum({hash}) as hash from {schema}.{table} group by {item}
) listed
left join {schema}.{items} on items.item_id = listed.item
"""
RANKS_QUERY: LiteralString = """
select {owner}, count(*), min(rank), max(rank) from {schema}.{table}
group by {owner} having min(rank) <> 1 or max(rank) <> count(*) limit 1
"""


def check_part(
    connection: psycopg.Connection[Any], schema: str, version: int, part: Part, expected: int
) -> None:
    """Check that all rows arrived unchanged, that ranks are 1 to n, and that every listed phone is in stock.

    Args:
        connection: To the serving database.
        schema: Its schema.
        version: The list version.
        part: What was loaded.
        expected: Fingerprint of what was sent.

    Raises:
        ServingError: If a check fails; it names the table, and the first list or phone that is wrong.
    """
    relation, table = part.relation, part.table
    item = LISTED_COLUMNS.get(relation)
    row = connection.execute(
        sql.SQL(ROWS_QUERY if item is None else LISTS_QUERY).format(
            schema=sql.Identifier(schema),
            table=sql.Identifier(table),
            items=sql.SQL("{} as items").format(sql.Identifier(ITEMS.version_table(version))),
            item=sql.Identifier(item or ""),
            hash=compose_row_hash(relation),
        )
    ).fetchone()
    count, found, unsellable = (0, 0, None) if row is None else row
    if count != len(part.rows) or int(found) % MODULUS != expected:
        raise ServingError(
            f"{table} differs from {relation.lake_table}: {count} rows with fingerprint "
            f"{int(found) % MODULUS:016x}, sent were {len(part.rows)} with {expected:016x}. The pointer was "
            "not moved; run publish again."
        )
    if item is None:
        return
    if unsellable is not None:
        raise ServingError(
            f"{table}: phone {unsellable} is on a list but is not in stock; the pointer was not moved."
        )
    # The key is unique, so first rank 1 and last rank n leave no gaps.
    wrong = connection.execute(
        compose_statement(RANKS_QUERY, schema=schema, table=table, owner=relation.key[0])
    ).fetchone()
    if wrong is not None:
        raise ServingError(
            f"{table}: the list of {wrong[0]} has {wrong[1]} rows with ranks {wrong[2]} to {wrong[3]}; "
            "the pointer was not moved."
        )


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

"""Loading one version beside the others: tables, binary COPY, read-back, keys, checks."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from handpick.config import Settings
from handpick.errors import InputError, ServingError
from handpick.publish.encode import TYPES, copy_stream
from handpick.serving.connection import connect
from handpick.serving.relations import ITEMS, POPULAR_ITEMS, RECOMMENDATIONS, SIMILAR_ITEMS, Relation
from handpick.serving.schema import column_definitions, statement


@dataclass(frozen=True)
class Sent:
    """What was sent to the server for one relation: rows, and the SHA-256 of the COPY stream."""

    rows: int
    digest: str


def prepared(rows: pa.Table, relation: Relation) -> pa.Table:
    """The relation's columns in their order and types, sorted by key.

    Raises:
        InputError: If a column that must be there is missing or holds nulls, or the key is not unique.
    """
    columns = {}
    for column in relation.columns:
        if column.name not in rows.column_names and not column.is_nullable:
            raise InputError(f"{relation.lake} has no column {column.name}; nothing was published.")
        target = pa.date32() if column.sql == "date" else TYPES[column.sql][0]
        values = (
            rows[column.name].cast(target)
            if column.name in rows.column_names
            else pa.nulls(len(rows), target)
        )
        if not column.is_nullable and values.null_count:
            raise InputError(
                f"{relation.lake}.{column.name} is null in {values.null_count} rows; nothing was published."
            )
        columns[column.name] = values
    table = pa.table(columns)
    if is_sorted(table, relation.key):
        return table
    return table.sort_by([(name, "ascending") for name in relation.key])


def is_sorted(table: pa.Table, key: tuple[str, ...]) -> bool:
    """Whether rows ascend strictly by a key of one or two columns (the lake's usually do: then no sort is paid)."""
    if len(table) < 2:
        return True
    first = table[key[0]].combine_chunks()
    before, after = first.slice(0, len(first) - 1), first.slice(1)
    ascending = pc.less(before, after)
    if len(key) > 1:
        second = table[key[1]].combine_chunks()
        within = pc.less(second.slice(0, len(second) - 1), second.slice(1))
        ascending = pc.or_(ascending, pc.and_(pc.equal(before, after), within))
    return bool(pc.all(ascending).as_py())


def copy_in(
    connection: psycopg.Connection[Any], schema: str, relation: Relation, version: int, rows: pa.Table
) -> Sent:
    """Create a version's table and COPY the rows into it, in the caller's transaction.

    A table made in the same transaction is written frozen and, where WAL is minimal, only once.
    """
    table = relation.partition(version)
    connection.execute(
        sql.SQL(
            "create table {}.{} (list_version integer not null default {version} check (list_version = {version}), {})"
        ).format(
            sql.Identifier(schema),
            sql.Identifier(table),
            column_definitions(relation),
            version=sql.Literal(version),
        )
    )
    digest = hashlib.sha256()
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in relation.column_names)
    command = sql.SQL("copy {}.{} ({}) from stdin (format binary, freeze)").format(
        sql.Identifier(schema), sql.Identifier(table), columns
    )
    with connection.cursor() as cursor:
        with cursor.copy(command) as copy:
            for piece in copy_stream(rows, relation):
                digest.update(piece)
                copy.write(piece)
        if cursor.rowcount != len(rows):
            raise ServingError(
                f"{table}: {len(rows)} rows sent, {cursor.rowcount} loaded; the pointer was not moved."
            )
    return Sent(len(rows), digest.hexdigest())


def seal(settings: Settings, version: int, sent: dict[Relation, Sent]) -> None:
    """Add keys and read every table back at the same time, then check what was loaded.

    Raises:
        ServingError: If a table differs from what was sent, or breaks a guarantee.
    """
    with ThreadPoolExecutor(1) as other:
        read = other.submit(_read_back, settings, version, sent)
        with connect(settings, timeout_s=settings.serving.load_timeout_s) as connection:
            for relation in sent:
                _add_key(connection, settings.serving.schema_name, relation, version)
                connection.commit()
        read.result()
    with connect(settings, timeout_s=settings.serving.load_timeout_s) as connection:
        check(connection, settings.serving.schema_name, version)


def _add_key(connection: psycopg.Connection[Any], schema: str, relation: Relation, version: int) -> None:
    """Primary key and planner statistics."""
    table = relation.partition(version)
    connection.execute(
        sql.SQL("alter table {}.{} add primary key ({})").format(
            sql.Identifier(schema),
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, relation.key)),
        )
    )
    connection.execute(statement("analyze {schema}.{table}", schema=schema, table=table))


def _read_back(settings: Settings, version: int, sent: dict[Relation, Sent]) -> None:
    """Compare the digest of each loaded table with that of what was sent."""
    with connect(settings, timeout_s=settings.serving.load_timeout_s) as connection:
        # A sequential scan gives rows in the order of loading, unless it starts in the middle to join another one.
        connection.execute(
            "set synchronize_seqscans = off; set enable_indexscan = off; set max_parallel_workers_per_gather = 0"
        )
        for relation, expected in sent.items():
            digest = hashlib.sha256()
            command = sql.SQL("copy (select {} from {}.{}) to stdout (format binary)").format(
                sql.SQL(", ").join(sql.Identifier(name) for name in relation.column_names),
                sql.Identifier(settings.serving.schema_name),
                sql.Identifier(relation.partition(version)),
            )
            with connection.cursor() as cursor, cursor.copy(command) as copy:
                for piece in copy:
                    digest.update(piece)
            if digest.hexdigest() != expected.digest:
                raise ServingError(
                    f"{relation.partition(version)} differs from {relation.lake}: digest {digest.hexdigest()[:12]}, "
                    f"not {expected.digest[:12]}. The pointer was not moved; run publish again."
                )


RANKS: LiteralString = """
select {owner}, count(*), min(rank), max(rank) from {schema}.{table}
group by {owner} having min(rank) <> 1 or max(rank) <> count(*) limit 1
"""
UNSELLABLE: LiteralString = """
select listed.{item}, rows from (select {item}, count(*) as rows from {schema}.{table} group by {item}) listed
left join {schema}.{items} on items.item_id = listed.{item} where items.is_in_stock is not true limit 1
"""


def check(connection: psycopg.Connection[Any], schema: str, version: int) -> None:
    """Check the loaded tables: ranks 1 to n, and nothing that cannot be sold.

    Raises:
        ServingError: Naming the first list or phone that is wrong.
    """
    items = ITEMS.partition(version)
    for relation, item in (
        (RECOMMENDATIONS, "item_id"),
        (SIMILAR_ITEMS, "similar_item_id"),
        (POPULAR_ITEMS, "item_id"),
    ):
        table, owner = relation.partition(version), relation.key[0]
        wrong = connection.execute(statement(RANKS, schema=schema, table=table, owner=owner)).fetchone()
        if wrong is not None:
            raise ServingError(
                f"{table}: the list of {wrong[0]} has {wrong[1]} rows with ranks {wrong[2]} to {wrong[3]}; "
                "the pointer was not moved."
            )
        query = sql.SQL(UNSELLABLE.replace("{items}", "{items} items")).format(
            schema=sql.Identifier(schema),
            table=sql.Identifier(table),
            item=sql.Identifier(item),
            items=sql.Identifier(items),
        )
        wrong = connection.execute(query).fetchone()
        if wrong is not None:
            raise ServingError(
                f"{table}: phone {wrong[0]} is on {wrong[1]} lists but is not in stock; the pointer was not moved."
            )


def attach(
    connection: psycopg.Connection[Any], schema: str, version: int, relations: tuple[Relation, ...]
) -> None:
    """Make the tables partitions; nobody sees their rows until the pointer moves. In the caller's transaction."""
    for relation in relations:
        connection.execute(
            sql.SQL(
                "alter table {schema}.{whole} attach partition {schema}.{table} for values in ({version})"
            ).format(
                schema=sql.Identifier(schema),
                whole=sql.Identifier(relation.whole),
                table=sql.Identifier(relation.partition(version)),
                version=sql.Literal(version),
            )
        )

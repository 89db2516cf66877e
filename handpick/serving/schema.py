"""The serving schema: versioned tables, the pointer and the views.

A view reads `<name>_all`, which is partitioned by list version, where the version is the pointer's. The
pointer is one row, so moving it is one update: a statement sees either the old version or the new one,
complete, and never waits.
"""

from __future__ import annotations

import time
from typing import Any

import psycopg
from psycopg import sql

from handpick.errors import ServingError
from handpick.serving.reader_role import grant_reader
from handpick.serving.relations import RELATIONS, Relation, ServedColumn
from handpick.serving.statements import compose_statement
from handpick.settings.load import Settings

CONTROL_TABLES = """
create table if not exists {schema}.list_versions (
    version integer primary key check (version > 0),
    logical_date date not null,
    status text not null check (status in ('loading', 'published', 'dropped')),
    recommendation_count bigint not null default 0,
    user_count bigint not null default 0,
    similar_item_count bigint not null default 0,
    popular_item_count bigint not null default 0,
    item_count bigint not null default 0,
    digest text,
    model text,
    metrics jsonb not null default '{{}}',
    published_at timestamptz,
    is_demo boolean
);
alter table {schema}.list_versions add column if not exists is_demo boolean;
comment on column {schema}.list_versions.is_demo is
    'whether the lists are of the simulated demo shop; null for versions of earlier releases';
create table if not exists {schema}.current_version (
    is_the_one boolean primary key default true check (is_the_one),
    version integer not null references {schema}.list_versions,
    generated_at timestamptz not null,
    moved_at timestamptz not null default now()
);
create table if not exists {schema}.ledger (
    logical_date date not null,
    stage text not null,
    source text not null,
    rows_in bigint not null,
    rows_out bigint not null,
    dropped jsonb not null,
    digest text not null,
    seconds double precision not null,
    primary key (logical_date, stage, source)
);
"""
LOCK_TABLE = "publish_lock"
"""An empty table. Whoever publishes holds a lock on it, for which a reader lacks the right."""
CONCURRENT_CREATION = (
    psycopg.errors.UniqueViolation,
    psycopg.errors.DuplicateObject,
    psycopg.errors.DuplicateTable,
    psycopg.errors.DuplicateSchema,
    psycopg.errors.InternalError,
)
"""What the server answers where two processes create or grant the same at the same time."""
SCHEMA_ATTEMPTS = 5
"""Attempts to create the schema while another process does the same."""


def ensure_schema(connection: psycopg.Connection[Any], settings: Settings) -> None:
    """Create whatever is missing of the schema, in one transaction; existing objects stay as they are.

    Raises:
        ServingError: If the server is older than 14, or the publishing user lacks a right.
    """
    # `detach partition concurrently` came with 14.
    if connection.info.server_version < 140000:
        raise ServingError(
            f"the serving database is PostgreSQL {connection.info.server_version // 10000}; 14 or newer is "
            "needed. Nothing was published."
        )
    schema, role = settings.serving.schema_name, settings.serving.reader_role
    # Even with `if not exists`, DDL takes locks for which it would wait until a reader's long query ends.
    found = connection.execute(
        "select to_regclass(%s), to_regrole(%s), (select attname from pg_attribute where attrelid = "
        "to_regclass(%s) and attname = 'is_demo'), to_regclass(%s)",
        [f"{schema}.items", role, f"{schema}.list_versions", f"{schema}.{LOCK_TABLE}"],
    ).fetchone()
    has_all_columns = _has_appended_columns(connection, schema)
    if found is not None and None not in found and has_all_columns:
        return
    has_relations = found is not None and None not in found[:3] and has_all_columns
    try:
        for attempt in range(SCHEMA_ATTEMPTS):
            try:
                with connection.transaction():
                    if not has_relations:
                        _create_relations(connection, schema)
                    create_lock_table(connection, schema)
                    grant_reader(connection, settings)
                break
            except CONCURRENT_CREATION:
                # Another first publish creates the same at the same time; what it has created is then there.
                if attempt + 1 == SCHEMA_ATTEMPTS:
                    raise
                time.sleep(0.2)
    except psycopg.errors.InsufficientPrivilege as error:
        raise ServingError(
            f"the publishing user may not set up schema {schema} and role {role}: "
            f"{error.diag.message_primary}. Nothing was published. Let a database owner run: create role "
            f"{role}; create schema {schema} authorization {connection.info.user};"
        ) from None


def _has_appended_columns(connection: psycopg.Connection[Any], schema: str) -> bool:
    """Return whether the views have all columns that later releases have added."""
    expected = [
        (f"{schema}.{relation.name}", column.name)
        for relation in RELATIONS
        for column in relation.columns
        if column.is_appended
    ]
    found = connection.execute(
        "select count(*) from unnest(%s::text[], %s::text[]) as expected (view, name) "
        "join pg_attribute on attrelid = to_regclass(view) and attname = name and not attisdropped",
        [[view for view, _ in expected], [name for _, name in expected]],
    ).fetchone()
    return found == (len(expected),)


def _create_relations(connection: psycopg.Connection[Any], schema: str) -> None:
    """Create the schema, its tables and its views, unless they exist."""
    connection.execute(compose_statement("create schema if not exists {schema}", schema=schema))
    connection.execute(compose_statement(CONTROL_TABLES, schema=schema))
    for relation in RELATIONS:
        connection.execute(_compose_table(schema, relation))
        for column in relation.columns:
            if column.is_appended:
                # Reaches the tables of kept versions too; without a default no row is rewritten.
                connection.execute(
                    sql.SQL("alter table {}.{} add column if not exists {}").format(
                        sql.Identifier(schema),
                        sql.Identifier(relation.partitioned_table),
                        _compose_column(column),
                    )
                )
        connection.execute(_compose_view(schema, relation))


def create_lock_table(connection: psycopg.Connection[Any], schema: str) -> None:
    """Create the table that whoever publishes locks, unless it exists."""
    connection.execute(
        compose_statement("create table if not exists {schema}.{table} ()", schema=schema, table=LOCK_TABLE)
    )


def _compose_table(schema: str, relation: Relation) -> sql.Composed:
    """Compose the DDL of a relation's partitioned table."""
    return sql.SQL(
        "create table if not exists {}.{} (list_version integer not null, {}) partition by list "
        "(list_version)"
    ).format(sql.Identifier(schema), sql.Identifier(relation.partitioned_table), compose_columns(relation))


def compose_columns(relation: Relation) -> sql.Composed:
    """Compose the column definitions; text collates by bytes, in which order the lake's rows are sorted."""
    return sql.SQL(", ").join(_compose_column(column) for column in relation.columns)


def _compose_column(column: ServedColumn) -> sql.Composed:
    """Compose the definition of one column."""
    return sql.SQL("{} {}{}{}").format(
        sql.Identifier(column.name),
        sql.SQL(column.sql_type),
        sql.SQL(' collate "C"' if column.sql_type == "text" else ""),
        sql.SQL("" if column.is_nullable else " not null"),
    )


def _compose_view(schema: str, relation: Relation) -> sql.Composed:
    """Compose the DDL of a view; it reads the pointer by subqueries, so that only one partition is opened."""
    return sql.SQL(
        "create or replace view {schema}.{view} as select {columns}, list_version, "
        "(select generated_at from {schema}.current_version) as generated_at{appended} from {schema}.{whole} "
        "where list_version = (select version from {schema}.current_version)"
    ).format(
        schema=sql.Identifier(schema),
        view=sql.Identifier(relation.name),
        whole=sql.Identifier(relation.partitioned_table),
        columns=sql.SQL(", ").join(
            sql.Identifier(column.name) for column in relation.columns if not column.is_appended
        ),
        appended=sql.SQL("").join(
            sql.SQL(", {}").format(sql.Identifier(column.name))
            for column in relation.columns
            if column.is_appended
        ),
    )

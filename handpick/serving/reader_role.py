"""The rights of the reader role: it can read the published relations, and nothing else.

A role may change its own limits (`set statement_timeout = 0`), so no limit here is what protects the lists.
What protects them are rights: the role has none to write, none to take a lock that publishing waits for, and
none to create tables, temporary ones and large objects included.
"""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg import sql

from handpick.runtime.log import log_progress
from handpick.serving.relations import RELATIONS
from handpick.serving.statements import compose_statement
from handpick.settings.load import Settings

READABLE_TABLES = ("list_versions", "current_version", "ledger")
"""Tables that consumers may read in addition to the views."""
# Large objects have no schema whose rights could be withheld, and advisory locks no owner.
_UNNEEDED_FUNCTIONS = (
    "p.pronamespace = 'pg_catalog'::regnamespace and (p.proname like 'lo\\_%' or p.proname in ('loread', "
    "'lowrite') or p.proname ~ '^pg_(try_)?advisory') and p.prokind = 'f'"
)


def grant_reader(connection: psycopg.Connection[Any], settings: Settings) -> None:
    """Create the reader role unless it exists, let it read, and take from it what a reader does not need.

    On a server of your own, rights that only its administrator can take away are left, and named in the log.
    """
    serving = settings.serving
    schema, role, is_embedded = serving.schema_name, serving.reader_role, serving.dsn is None
    if connection.execute("select to_regrole(%s)", [role]).fetchone() == (None,):
        connection.execute(
            compose_statement("create role {role} login" if is_embedded else "create role {role}", role=role)
        )
    connection.execute(compose_statement("revoke all on schema {schema} from public", schema=schema))
    connection.execute(
        compose_statement("grant usage on schema {schema} to {role}", schema=schema, role=role)
    )
    for name in (*(relation.name for relation in RELATIONS), *READABLE_TABLES):
        connection.execute(
            compose_statement(
                "grant select on {schema}.{name} to {role}", schema=schema, name=name, role=role
            )
        )
    _limit_role(connection, settings)
    if is_embedded:
        _close_database(connection, role)
    elif excess := find_excess_rights(connection, role):
        log_progress(
            f"  warning: the role {role} may do more than read: {'; '.join(excess)}. docs/consumers.md has "
            "the statements with which an administrator of the database takes that away."
        )


def _limit_role(connection: psycopg.Connection[Any], settings: Settings) -> None:
    """Set the role's defaults and its number of connections, if the publishing user may."""
    serving = settings.serving
    limits: dict[LiteralString, Any] = {
        "default_transaction_read_only": "on",
        "statement_timeout": f"{serving.reader_timeout_s}s",
        "idle_in_transaction_session_timeout": f"{serving.reader_timeout_s}s",
    }
    try:
        with connection.transaction():
            for name, value in limits.items():
                connection.execute(
                    sql.SQL("alter role {} set {} = {}").format(
                        sql.Identifier(serving.reader_role), sql.SQL(name), sql.Literal(value)
                    )
                )
            connection.execute(
                sql.SQL("alter role {} connection limit {}").format(
                    sql.Identifier(serving.reader_role), sql.Literal(serving.reader_connections)
                )
            )
    except psycopg.errors.InsufficientPrivilege:
        return  # an administrator made the role, and has set its limits


def _close_database(connection: psycopg.Connection[Any], role: str) -> None:
    """Take from all roles of the database what none of them needs; only a superuser can."""
    database = connection.info.dbname
    connection.execute(compose_statement("revoke all on database {name} from public", name=database))
    connection.execute(
        compose_statement("grant connect on database {name} to {role}", name=database, role=role)
    )
    connection.execute("revoke all on schema public from public")
    functions = connection.execute(
        f"select p.oid::regprocedure::text from pg_proc p where {_UNNEEDED_FUNCTIONS} and "  # noqa: S608 - a constant of this module
        "has_function_privilege('public', p.oid, 'execute')"
    ).fetchall()
    for (function,) in functions:
        # `regprocedure` is the server's own spelling of the name and its types.
        connection.execute(sql.SQL("revoke execute on function {} from public").format(sql.SQL(function)))


def find_excess_rights(connection: psycopg.Connection[Any], role: str) -> list[str]:
    """Return what a role may do in this database beyond reading, in words; empty for a proper reader."""
    checks: dict[str, LiteralString] = {
        "it is a superuser": "select rolsuper from pg_roles where rolname = %(role)s",
        "it may create roles or databases": "select rolcreaterole or rolcreatedb from pg_roles where "
        "rolname = %(role)s",
        "it may create temporary tables": "select has_database_privilege(%(role)s, current_database(), "
        "'temporary')",
        "it may create schemas": "select has_database_privilege(%(role)s, current_database(), 'create')",
        "it may create tables in schema public": "select has_schema_privilege(%(role)s, 'public', 'create') "
        "from pg_namespace where nspname = 'public'",
        "it may create large objects": "select has_function_privilege(%(role)s, 'lo_create(oid)', 'execute')",
        "it may open any number of connections": "select rolconnlimit < 0 from pg_roles where rolname = "
        "%(role)s",
    }
    return [
        words
        for words, query in checks.items()
        if (connection.execute(query, {"role": role}).fetchone() or (False,))[0]
    ]

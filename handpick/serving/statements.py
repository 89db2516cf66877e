"""Composes SQL with names that are chosen at run time."""

from __future__ import annotations

from typing import LiteralString

from psycopg import sql


def make_text(value: str) -> str:
    """Return a text that a person typed as PostgreSQL can hold it: without NUL and broken characters.

    One that had them names nothing that is in the database, so that the answer is that it is not there.
    """
    return value.encode("utf-8", "replace").decode("utf-8").replace("\0", "?")


def compose_statement(text: LiteralString, **names: str) -> sql.Composed:
    """Compose SQL: names in braces are replaced by quoted identifiers."""
    return sql.SQL(text).format(**{key: sql.Identifier(name) for key, name in names.items()})

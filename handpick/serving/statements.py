"""Composes SQL with names that are chosen at run time."""

from __future__ import annotations

from typing import LiteralString

from psycopg import sql


def compose_statement(text: LiteralString, **names: str) -> sql.Composed:
    """Compose SQL: names in braces are replaced by quoted identifiers."""
    return sql.SQL(text).format(**{key: sql.Identifier(name) for key, name in names.items()})

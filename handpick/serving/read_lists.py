"""Reads the current lists as consumers do: of a user, of a phone, or the popular phones of a segment."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from handpick.errors import ServingError
from handpick.serving.connection import connect
from handpick.serving.statements import compose_statement, make_text
from handpick.settings.load import Settings

LIST_QUERIES: dict[str, LiteralString] = {
    "user": "select r.*, i.title, i.price from {schema}.recommendations r "
    "left join {schema}.items i using (item_id) where user_id = %s order by rank",
    "segment": "select r.*, i.title, i.price, 'popular_items' as source, '' as reason "
    "from {schema}.popular_items r left join {schema}.items i using (item_id) where segment = %s order by "
    "rank",
    "phone": "select r.*, i.title, i.price, 'similar_items' as source from {schema}.similar_items r "
    "left join {schema}.items i on i.item_id = r.similar_item_id where r.item_id = %s order by rank",
}
"""Queries for the list of one user, segment or phone; each row has a rank, title, price, score and source."""
HINTS = {
    "user": "Users without a list get the popular phones: `handpick lists --segment all`.",
    "segment": "Segments are `all` and the countries of the users.",
    "phone": "Phones are named by their item_id.",
}
"""Next step for the reader of an error about a missing list, by kind of list."""


def read_list(settings: Settings, kind: str, name: str) -> list[dict[str, Any]]:
    """Read the current list of a user, a segment or a phone, by rank.

    Args:
        settings: All settings; `[serving]` names the server.
        kind: `user`, `segment` or `phone`.
        name: Its id.

    Raises:
        ServingError: If the database does not answer, nothing is published, or there is no such list.
    """
    schema = settings.serving.schema_name
    with connect_for_reading(settings) as connection, connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(
            compose_statement(LIST_QUERIES[kind], schema=schema), [make_text(name)]
        ).fetchall()
        if not rows:
            current = cursor.execute(
                compose_statement("select version from {schema}.current_version", schema=schema)
            ).fetchone()
            if current is None:
                raise ServingError(_describe_nothing_published(settings))
            raise ServingError(
                f"the {kind} {name!r} has no list in version {current['version']}, which is current. "
                f"{HINTS[kind]}"
            )
    return rows


def connect_for_reading(settings: Settings) -> psycopg.Connection[Any]:
    """Open a connection for reading; it neither starts a server for the first time nor creates anything.

    Raises:
        ServingError: If the database does not answer, or nothing was ever published to it.
    """
    serving = settings.serving
    if serving.dsn is None and not settings.path(serving.embedded_path).exists():
        raise ServingError(_describe_nothing_published(settings))
    connection = connect(settings)
    # Checked here, so that a first use is one clear line instead of an undefined table.
    found = connection.execute("select to_regclass(%s)", [f"{serving.schema_name}.items"]).fetchone()
    if found == (None,):
        connection.close()
        raise ServingError(_describe_nothing_published(settings))
    return connection


def _describe_nothing_published(settings: Settings) -> str:
    """Return the error text for a database to which no list version has been published."""
    serving = settings.serving
    where = (
        "the server of serving.dsn"
        if serving.dsn is not None
        else f"the embedded server in {settings.path(serving.embedded_path)}"
    )
    return (
        f"no list version has been published to schema {serving.schema_name} of {where} yet. "
        "`handpick run` runs a night, which publishes one."
    )

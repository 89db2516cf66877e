"""What consumers see: one person's list, the phones like a phone, the popular ones, as rows of the views."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row

from handpick.errors import ServingError
from handpick.serving.connection import connect
from handpick.serving.schema import statement
from handpick.settings.load import Settings

LISTS: dict[str, LiteralString] = {
    "user": "select r.*, i.title, i.price from {schema}.recommendations r "
    "left join {schema}.items i using (item_id) where user_id = %s order by rank",
    "segment": "select r.*, i.title, i.price, 'popular_items' as source, '' as reason "
    "from {schema}.popular_items r left join {schema}.items i using (item_id) where segment = %s order by rank",
    "phone": "select r.*, i.title, i.price, 'similar_items' as source from {schema}.similar_items r "
    "left join {schema}.items i on i.item_id = r.similar_item_id where r.item_id = %s order by rank",
}
"""The query for the list of one user, one segment, or one phone; each row has a rank, title, price, score and source."""
ELSE = {
    "user": "People whom we know nothing about get the popular phones: `handpick lists --segment all`.",
    "segment": "Segments are `all` and the countries of the users.",
    "phone": "Phones are named by their item_id.",
}


def read_list(settings: Settings, kind: str, name: str) -> list[dict[str, Any]]:
    """The current list of a `user`, a `segment` or a `phone`, by rank.

    Raises:
        ServingError: If the database does not answer, nothing is published, or there is no such list.
    """
    schema = settings.serving.schema_name
    with reading(settings) as connection, connection.cursor(row_factory=dict_row) as cursor:
        rows = cursor.execute(statement(LISTS[kind], schema=schema), [name]).fetchall()
        if not rows:
            current = cursor.execute(
                statement("select version from {schema}.current_version", schema=schema)
            ).fetchone()
            if current is None:
                raise ServingError(_nothing(settings))
            raise ServingError(
                f"the {kind} {name!r} has no list in version {current['version']}, which is current. {ELSE[kind]}"
            )
    return rows


def reading(settings: Settings) -> psycopg.Connection[Any]:
    """A connection for looking, which starts and creates nothing that is not there yet.

    Raises:
        ServingError: If the database does not answer, or nothing was ever published to it.
    """
    serving = settings.serving
    if serving.dsn is None and not settings.path(serving.embedded_path).exists():
        raise ServingError(_nothing(settings))
    connection = connect(settings)
    found = connection.execute("select to_regclass(%s)", [f"{serving.schema_name}.items"]).fetchone()
    if found == (None,):
        connection.close()
        raise ServingError(_nothing(settings))
    return connection


def _nothing(settings: Settings) -> str:
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

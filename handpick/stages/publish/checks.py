"""Checks of a loaded part before it may go live: rows as sent, ranks without gaps, phones in stock."""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg import sql

from handpick.errors import ServingError
from handpick.serving.relations import ITEMS, POPULAR_ITEMS, RECOMMENDATIONS, SIMILAR_ITEMS, Relation
from handpick.serving.statements import compose_statement
from handpick.stages.publish.fingerprint import MODULUS, compose_row_hash
from handpick.stages.publish.row_preparation import Part

LISTED_COLUMNS = {RECOMMENDATIONS: "item_id", SIMILAR_ITEMS: "similar_item_id", POPULAR_ITEMS: "item_id"}
"""The relations that are lists, and their column with the listed phone."""
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


def count_rows(
    connection: psycopg.Connection[Any], schema: str, relation: Relation, version: int
) -> tuple[int, int]:
    """Return count and fingerprint of the rows of a version's table."""
    row = connection.execute(
        sql.SQL(ROWS_QUERY).format(
            schema=sql.Identifier(schema),
            table=sql.Identifier(relation.version_table(version)),
            hash=compose_row_hash(relation),
        )
    ).fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]) % MODULUS)


def check_part(
    connection: psycopg.Connection[Any], schema: str, version: int, part: Part, expected: int
) -> None:
    """Check that all rows arrived unchanged, that ranks are 1 to n, and that every listed phone is in stock.

    Args:
        connection: Connection to the serving database.
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

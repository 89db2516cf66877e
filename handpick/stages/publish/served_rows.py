"""Compares the versions that the serving database holds, row by row, with the lists that score wrote."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, LiteralString

import psycopg

from handpick.night import Night
from handpick.serving.connection import connect
from handpick.serving.read_lists import connect_for_reading
from handpick.serving.relations import RELATIONS, Relation
from handpick.serving.statements import compose_statement
from handpick.serving.versions import hold_publish_lock, query_versions, remove_leftovers
from handpick.settings.load import Settings
from handpick.stages.publish.checks import count_rows
from handpick.stages.publish.fingerprint import MODULUS, compute_fingerprint
from handpick.stages.publish.pg_copy import encode_batches
from handpick.stages.publish.publish import digest_lists
from handpick.stages.publish.row_preparation import prepare_rows

DISOWNED = "damaged"
"""Stands for the digest of a version whose rows are not those of its lists, so that they are loaded again."""


@dataclass(frozen=True)
class ServedVersion:
    """A version in the serving database, compared with the lake.

    Args:
        version: Its number.
        logical_date: Its night.
        is_current: Whether readers see it.
        is_comparable: Whether the lake still holds the lists that it was loaded from.
        problems: What differs; none where nothing does or it cannot be compared.
    """

    version: int
    logical_date: date
    is_current: bool
    is_comparable: bool
    problems: tuple[str, ...] = ()


def compare_served_versions(
    settings: Settings, logical_date: date | None = None, damaged: Collection[date] = ()
) -> list[ServedVersion]:
    """Compare count and fingerprint of the rows of every kept version with those of its lists in the lake.

    A version whose night was scored anew since, or whose night's lists are not in the lake, has nothing to be
    compared with.

    Args:
        settings: All settings; `[serving]` names the server.
        logical_date: The only night to compare; all by default.
        damaged: Nights whose lists in the lake are damaged, which nothing is compared with.

    Raises:
        ServingError: If the database does not answer, or nothing was ever published to it.
    """
    found = []
    with connect_for_reading(settings) as connection:
        connection.commit()
        connection.autocommit = True  # an error must not end the comparison of the other tables
        connection.execute(f"set statement_timeout = '{settings.serving.load_timeout_s}s'")
        schema = settings.serving.schema_name
        for one in query_versions(connection, schema):
            if logical_date not in (None, one.logical_date):
                continue
            night = Night(settings, one.logical_date)
            has_lists = all(night.lake.has(relation.lake_table, one.logical_date) for relation in RELATIONS)
            is_comparable = (
                has_lists and one.logical_date not in damaged and digest_lists(night) == one.digest
            )
            problems = tuple(_compare_rows(connection, schema, one.version, night)) if is_comparable else ()
            if one.digest == DISOWNED:
                problems = ("its rows were found damaged, and have not been loaded again",)
            found.append(
                ServedVersion(one.version, one.logical_date, one.is_current, is_comparable, problems)
            )
    return found


def _compare_rows(
    connection: psycopg.Connection[Any], schema: str, version: int, night: Night
) -> Iterator[str]:
    """Yield what differs between a version's tables and the lists of its night."""
    for relation in RELATIONS:
        table = f"{schema}.{relation.version_table(version)}"
        expected = _count_lake_rows(night, relation)
        try:
            served = count_rows(connection, schema, relation, version)
        except psycopg.Error as error:  # the table is gone, or PostgreSQL has found a damaged page
            yield f"{table} cannot be read: {' '.join(str(error).split())}"
            continue
        if served != expected:
            yield (
                f"{table} has {served[0]:,} rows with fingerprint {served[1]:016x}, but "
                f"{relation.lake_table} of {night.logical_date} has {expected[0]:,} with {expected[1]:016x}"
            )


def _count_lake_rows(night: Night, relation: Relation) -> tuple[int, int]:
    """Return count and fingerprint of the rows that publish loads."""
    rows = prepare_rows(night.lake.read(relation.lake_table, night.logical_date), relation)
    total = sum(compute_fingerprint(batch, relation) for batch in encode_batches(rows, relation))
    return len(rows), total % MODULUS


def disown_versions(settings: Settings, logical_date: date) -> None:
    """Let the next publish of a night load its lists again, although versions of the night are there."""
    _update(settings, "update {schema}.list_versions set digest = %s where logical_date = %s", logical_date)


def drop_disowned_versions(settings: Settings, logical_date: date) -> None:
    """Drop the disowned versions of a night, unless one is still the current one."""
    statement: LiteralString = (
        "update {schema}.list_versions set status = 'dropped' where digest = %s and logical_date = %s and "
        "version not in (select version from {schema}.current_version)"
    )
    _update(settings, statement, logical_date)


def _update(settings: Settings, statement: LiteralString, logical_date: date) -> None:
    """Change the disowned versions of a night, and remove the tables of dropped ones."""
    schema = settings.serving.schema_name
    with (
        connect(settings, autocommit=True, timeout_s=settings.serving.load_timeout_s) as connection,
        hold_publish_lock(connection, schema),
    ):
        connection.execute(compose_statement(statement, schema=schema), [DISOWNED, logical_date])
        remove_leftovers(connection, schema)

"""What the Recommendations pages read of the serving database: lists side by side, and who did what."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg.rows import class_row, dict_row

from handpick.errors import ServingError
from handpick.serving.read_lists import connect_for_reading
from handpick.serving.statements import compose_statement
from handpick.serving.versions import ListVersion, query_versions
from handpick.settings.load import Settings

AUDIT_DDL: LiteralString = """
create table if not exists {schema}.audit_log (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    who text not null,
    action text not null,
    target text not null,
    why text not null
);
comment on table {schema}.audit_log is 'who rolled back, released, overrode or erased what, and why'
"""
# Columns of later releases not by their names: the tables get them with the next publish only.
USER_LIST_QUERY: LiteralString = """
select r.rank, r.item_id, r.score, r.source, r.reason, r.reason_code, r.relaxed_rules,
    to_jsonb(r) ->> 'placed_by' as placed_by, to_jsonb(r) ->> 'phone_variants' as phone_variants, i.title,
    i.brand, i.price, i.is_in_stock, i.image_path
from {schema}.recommendations_all r
left join {schema}.items_all i on i.list_version = r.list_version and i.item_id = r.item_id
where r.list_version = %s and r.user_id = %s order by r.rank
"""
FIND_PHONES_QUERY: LiteralString = """
select item_id, title, brand, price, is_in_stock, release_date, image_path from {schema}.items_all
where list_version = %s and (strpos(lower(title), lower(%s)) > 0 or strpos(lower(item_id), lower(%s)) > 0)
order by title, item_id limit 20
"""
SIMILAR_QUERY: LiteralString = """
select r.rank, r.similar_item_id as item_id, r.score, r.reason, 'similar_items' as source,
    to_jsonb(r) ->> 'phone_variants' as phone_variants,
    i.title, i.brand, i.price, i.is_in_stock, i.image_path
from {schema}.similar_items_all r
left join {schema}.items_all i on i.list_version = r.list_version and i.item_id = r.similar_item_id
where r.list_version = %s and r.item_id = %s order by r.rank
"""
POPULAR_QUERY: LiteralString = """
select r.rank, r.item_id, r.score, '' as reason, 'popular_items' as source,
    to_jsonb(r) ->> 'phone_variants' as phone_variants, i.title,
    i.brand, i.price, i.is_in_stock, i.image_path
from {schema}.popular_items_all r
left join {schema}.items_all i on i.list_version = r.list_version and i.item_id = r.item_id
where r.list_version = %s and r.segment = %s order by r.rank
"""
HOLDERS_QUERY: LiteralString = """
select user_id, rank from {schema}.recommendations_all
where list_version = %s and item_id = %s order by rank, user_id limit 40
"""
HOLDER_COUNT_QUERY: LiteralString = """
select count(*) as lists, count(*) filter (where rank = 1) as firsts from {schema}.recommendations_all
where list_version = %s and item_id = %s
"""
SEGMENTS_QUERY: LiteralString = """
select distinct segment from {schema}.popular_items_all where list_version = %s order by segment
"""


UNSENT_FILE = ".actions.jsonl"
"""File of the lake with the actions that could not be written into the database."""


@dataclass(frozen=True)
class AuditEntry:
    """One action of a person.

    Args:
        at: When, in UTC.
        who: The person's name, as they signed in, or on the command line that of the system's user.
        action: `roll back`, `release`, `override` or `erase`.
        target: What it was done to.
        why: The reason that they gave.
    """

    at: datetime
    who: str
    action: str
    target: str
    why: str


class ListBrowser:
    """Reads list versions over one connection; use it as a context manager.

    Args:
        settings: All settings; `[serving]` names the server.

    Raises:
        ServingError: If the database does not answer, or nothing was ever published to it.
    """

    def __init__(self, settings: Settings) -> None:
        self._schema = settings.serving.schema_name
        self._connection = connect_for_reading(settings)
        self._connection.commit()
        self._connection.read_only = True

    def __enter__(self) -> ListBrowser:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def list_versions(self) -> list[ListVersion]:
        """Return the kept versions, newest first."""
        return query_versions(self._connection, self._schema)

    def read_user_list(self, version: int, user_id: str) -> list[dict[str, Any]]:
        """Return a user's list in a version, with each phone as it was then."""
        return self._query(USER_LIST_QUERY, version, user_id)

    def find_phones(self, version: int, part: str) -> list[dict[str, Any]]:
        """Return up to 20 phones of a version whose title or id contains a text, without regard to case."""
        return self._query(FIND_PHONES_QUERY, version, part, part)

    def read_similar(self, version: int, item_id: str) -> list[dict[str, Any]]:
        """Return the phones like a phone."""
        return self._query(SIMILAR_QUERY, version, item_id)

    def read_popular(self, version: int, segment: str) -> list[dict[str, Any]]:
        """Return the popular phones of a segment."""
        return self._query(POPULAR_QUERY, version, segment)

    def list_segments(self, version: int) -> list[str]:
        """Return `all` and the countries that have popular phones."""
        return [row["segment"] for row in self._query(SEGMENTS_QUERY, version)]

    def find_holders(self, version: int, item_id: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Return on how many lists a phone is, and the first 40 users by its place on their list."""
        counts = self._query(HOLDER_COUNT_QUERY, version, item_id)[0]
        return counts, self._query(HOLDERS_QUERY, version, item_id)

    def _query(self, query: LiteralString, *parameters: Any) -> list[dict[str, Any]]:
        """Return the rows of a query.

        Raises:
            ServingError: If the tables are those of an earlier release, and lack a column.
        """
        try:
            with self._connection.cursor(row_factory=dict_row) as cursor:
                return cursor.execute(compose_statement(query, schema=self._schema), parameters).fetchall()
        except psycopg.errors.UndefinedColumn:
            raise ServingError(
                "the lists were published by an earlier release, and their tables lack a column that is "
                "shown here. Consumers read them as before; the next `handpick publish` adds the column."
            ) from None


def record_action(settings: Settings, *, who: str, action: str, target: str, why: str) -> None:
    """Record what a person did, on the pages, by a command or by a DAG; entries are only ever added.

    Where the database does not answer, or nothing was published to it yet, the entry is kept in a file of the
    lake: an action on files must not fail for that, nor stay unrecorded.
    """
    entry = AuditEntry(datetime.now(UTC), who, action, target, why)
    try:
        connection = connect_for_reading(settings)
    except ServingError:
        with _find_unsent(settings).open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(entry), default=datetime.isoformat) + "\n")
        return
    with connection:
        _insert_actions(connection, settings, [entry])


def read_actions(settings: Settings, limit: int = 100) -> list[AuditEntry]:
    """Return the last actions of people, newest first; none before the first one."""
    found = _read_unsent(settings)
    try:
        connection = connect_for_reading(settings)
    except ServingError:
        return found[::-1][:limit]
    with connection:
        schema = settings.serving.schema_name
        if connection.execute("select to_regclass(%s)", [f"{schema}.audit_log"]).fetchone() != (None,):
            query = "select at, who, action, target, why from {schema}.audit_log order by id desc limit %s"
            with connection.cursor(row_factory=class_row(AuditEntry)) as cursor:
                found += cursor.execute(compose_statement(query, schema=schema), [limit]).fetchall()
    return sorted(found, key=lambda entry: entry.at, reverse=True)[:limit]


def name_os_user() -> str:
    """Return who works on the command line, as the audit log names them."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (OSError, KeyError):  # a container's user without a name
        return f"user {os.getuid()} (command line)"


def _insert_actions(
    connection: psycopg.Connection[Any], settings: Settings, entries: Sequence[AuditEntry]
) -> None:
    """Add entries to the table, which is created for the first one."""
    schema = settings.serving.schema_name
    for statement in AUDIT_DDL.split(";"):
        connection.execute(compose_statement(statement, schema=schema))
    query = "insert into {schema}.audit_log (at, who, action, target, why) values (%s, %s, %s, %s, %s)"
    for one in entries:
        connection.execute(
            compose_statement(query, schema=schema), [one.at, one.who, one.action, one.target, one.why]
        )


def _find_unsent(settings: Settings) -> Path:
    """Return the file of the actions that could not be written into the database."""
    root = settings.path(settings.lake.root)
    root.mkdir(parents=True, exist_ok=True)
    return root / UNSENT_FILE


def _read_unsent(settings: Settings) -> list[AuditEntry]:
    """Return the actions that are not in the database, oldest first."""
    file = settings.path(settings.lake.root) / UNSENT_FILE
    if not file.is_file():
        return []
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return [AuditEntry(**{**row, "at": datetime.fromisoformat(row["at"])}) for row in rows]

"""Keeps the differences of list versions, which never change: comparing two of rung L takes minutes."""

from __future__ import annotations

import json
from threading import Lock, Thread
from typing import LiteralString

from handpick.errors import HandpickError
from handpick.serving.connection import connect
from handpick.serving.diff import VersionDiff, compare_versions, find_version
from handpick.serving.read_lists import connect_for_reading
from handpick.serving.statements import compose_statement
from handpick.serving.versions import query_versions
from handpick.settings.load import Settings

KEPT_DDL: LiteralString = """
create table if not exists {schema}.version_diffs (
    before_version integer not null,
    after_version integer not null,
    found jsonb not null,
    primary key (before_version, after_version)
);
comment on table {schema}.version_diffs is 'differences of list versions that somebody has looked at'
"""
PATIENCE_S = 0.1
"""How long a page waits for a comparison that has just begun; those of small shops are done by then."""
TIMEOUT_S = 3600
"""Time limit of one statement of a comparison."""
_running: dict[tuple[str, int, int], Thread] = {}
_failed: dict[tuple[str, int, int], HandpickError] = {}
_lock = Lock()


def find_diff(settings: Settings, before: int, after: int) -> VersionDiff | None:
    """Return the difference of two versions, or None while it is computed in the background.

    It is computed once and kept in the database until one of the versions is dropped.

    Raises:
        ServingError: If the database does not answer, does not keep one of the versions, or the comparison
            failed; the next call begins it anew.
    """
    kept = _read_kept(settings, before, after)
    if kept is not None:
        return kept
    key = (str(settings.home), before, after)
    with _lock:
        if error := _failed.pop(key, None):
            raise error
        thread = _running.get(key)
        if thread is None:
            thread = Thread(target=_compare, args=(settings, *key), daemon=True)
            _running[key] = thread
            thread.start()
    thread.join(PATIENCE_S)
    return _read_kept(settings, before, after)


def _compare(settings: Settings, home: str, before: int, after: int) -> None:
    """Compare two versions and keep the difference, for a thread."""
    key = (home, before, after)
    try:
        _keep(settings, compare_versions(settings, str(before), str(after), timeout_s=TIMEOUT_S))
    except HandpickError as error:
        _failed[key] = error
    finally:
        with _lock:
            _running.pop(key, None)


def _read_kept(settings: Settings, before: int, after: int) -> VersionDiff | None:
    """Return a difference that is kept; None if it is not."""
    schema = settings.serving.schema_name
    with connect_for_reading(settings) as connection:
        versions = {one.version: one for one in query_versions(connection, schema)}
        a, b = (find_version(versions, str(number)) for number in (before, after))
        if connection.execute("select to_regclass(%s)", [f"{schema}.version_diffs"]).fetchone() == (None,):
            return None
        row = connection.execute(
            compose_statement(
                "select found from {schema}.version_diffs where before_version = %s and after_version = %s",
                schema=schema,
            ),
            [before, after],
        ).fetchone()
    return None if row is None else VersionDiff(before=a, after=b, user_rows=[], **row[0])


def _keep(settings: Settings, found: VersionDiff) -> None:
    """Keep a difference, and drop those of versions that are gone."""
    schema = settings.serving.schema_name
    parts = ("user_counts", "added", "removed", "phones")
    text = json.dumps({name: getattr(found, name) for name in parts})
    with connect(settings) as connection:
        for statement in KEPT_DDL.split(";"):
            connection.execute(compose_statement(statement, schema=schema))
        connection.execute(
            compose_statement(
                "delete from {schema}.version_diffs where not exists (select from {schema}.list_versions v "
                "where v.version = before_version and v.status = 'published') or not exists (select from "
                "{schema}.list_versions v where v.version = after_version and v.status = 'published')",
                schema=schema,
            )
        )
        connection.execute(
            compose_statement(
                "insert into {schema}.version_diffs values (%s, %s, %s) on conflict do nothing", schema=schema
            ),
            [found.before.version, found.after.version, text],
        )

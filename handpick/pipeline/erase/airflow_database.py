"""Blanks a person's id in Airflow's own database, where forms and logs of triggers keep what was typed."""

from __future__ import annotations

import re

import psycopg
from psycopg import sql

from handpick.serving.embedded import get_database_url
from handpick.settings.load import Settings

TEXT_TYPES = ["text", "character varying", "json", "jsonb"]


def blank_in_airflow(settings: Settings, user_id: str) -> tuple[int, list[str]]:
    """Blank the id in every text of Airflow's database on the embedded server, and rewrite those tables.

    Returns:
        The number of rows changed, and what could not be done, a sentence each.
    """
    folder = settings.path(settings.serving.embedded_path)
    if not folder.exists():
        return 0, [
            "Airflow's own database, if it is not the embedded one: clear the runs of `erase_user` there"
        ]
    with psycopg.connect(get_database_url(settings, "postgres"), autocommit=True) as server:
        if (
            server.execute(
                "select 1 from pg_database where datname = %s", [settings.airflow.database]
            ).fetchone()
            is None
        ):
            return 0, []
    word = rf"(?<![0-9A-Za-z_\-]){re.escape(user_id)}(?![0-9A-Za-z_\-])"
    changed = 0
    with psycopg.connect(
        get_database_url(settings, settings.airflow.database), autocommit=True
    ) as connection:
        connection.execute("set lock_timeout = '30s'")
        columns = connection.execute(
            "select table_name, column_name, data_type from information_schema.columns join "
            "information_schema.tables using (table_schema, table_name) where table_schema = 'public' and "
            "table_type = 'BASE TABLE' and data_type = any(%s) order by 1, 2",
            [TEXT_TYPES],
        ).fetchall()
        touched = set()
        for table, column, kind in columns:
            name, place = sql.Identifier(table), sql.Identifier(column)
            statement = sql.SQL(
                "update {0} set {1} = regexp_replace({1}::text, %s, '(erased)', 'g')::{2} "
                "where {1}::text ~ %s"
            ).format(name, place, sql.SQL(kind))
            rows = connection.execute(statement, [word, word]).rowcount
            if rows:
                changed += rows
                touched.add(table)
        for table in sorted(touched):
            connection.execute(sql.SQL("vacuum (full, analyze) {}").format(sql.Identifier(table)))
        connection.execute("vacuum full pg_catalog.pg_statistic")
    return changed, []

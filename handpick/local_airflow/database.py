"""Creation and migration of the tables of Airflow's own database, once for each version of Airflow."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from handpick.errors import HandpickError
from handpick.serving.embedded import get_database_url
from handpick.settings.load import Settings


def migrate_database(settings: Settings, environment: dict[str, str], log: Path) -> bool:
    """Run `airflow db migrate`, unless this version has run it and the database is unchanged since.

    Args:
        settings: Where Airflow's home and database are.
        environment: Environment of the command.
        log: File for the command's output.

    Returns:
        Whether the migration was run.

    Raises:
        HandpickError: If it fails; names the log.
    """
    # The migration takes seconds even where there is nothing to do, so its outcome is remembered in a file.
    done = settings.path(settings.airflow.home) / "migrated"
    if done.is_file() and done.read_text() == _state(settings):
        return False
    done.unlink(missing_ok=True)
    with log.open("wb") as output:
        command = [sys.executable, "-m", "airflow", "db", "migrate"]
        ended = subprocess.run(command, env=environment, stdout=output, stderr=subprocess.STDOUT, check=False)
    if ended.returncode:
        raise HandpickError(f"Airflow's database could not be prepared; see {log}")
    done.write_text(_state(settings))
    return True


def _state(settings: Settings) -> str:
    """Return Airflow's version and the schema revisions recorded in its database, as one line."""
    import psycopg

    with psycopg.connect(get_database_url(settings, settings.airflow.database)) as connection:
        found = connection.execute("select 1 from pg_tables where tablename = 'alembic_version'").fetchone()
        rows = connection.execute("select version_num from alembic_version").fetchall() if found else []
    return " ".join([version("apache-airflow-core"), *sorted(revision for (revision,) in rows)])

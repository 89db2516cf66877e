"""`handpick env`: let dbt, Airflow, Feast and psql, started by hand, find this shop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from handpick.settings.load import Settings

SECRETS = ("AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__OPENLINEAGE__TRANSPORT")
"""Variables that the `airflow` command does not need, and that stay out of terminals and their logs."""

FEAST_FILE = "feature_store.yaml"
"""As in `handpick/stages/feature_store/feast_store.py`, whose libraries take seconds to load."""


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command("env", rich_help_panel="Look inside")(env)


def env() -> None:
    """Print variables by which dbt, airflow, feast and psql find this shop: `eval "$(handpick env)"`.

    They hold for the shell in which they are set. The embedded PostgreSQL is started if it does not run.
    """
    import shlex
    import sys
    from pathlib import Path

    from handpick.runtime.log import print_result
    from handpick.settings.load import load

    print_result(f"export PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH")
    for name, value in build_environment_of_tools(load()).items():
        print_result(f"export {name}={shlex.quote(value)}")


def build_environment_of_tools(settings: Settings) -> dict[str, str]:
    """Return the environment variables of the tools, without secrets.

    With a server of `serving.dsn`, none of libpq's variables is among them: the DSN holds a password.
    """
    from urllib.parse import parse_qs, urlsplit

    from handpick.local_airflow.environment import build_airflow_environment
    from handpick.serving.embedded import get_database_url
    from handpick.settings.configuration_file import FILE_VARIABLE
    from handpick.stages.warehouse.project import build_environment

    airflow = {
        name: value
        for name, value in build_airflow_environment(settings).items()
        if (name.startswith("AIRFLOW") and name not in SECRETS) or name == FILE_VARIABLE
    }
    serving = settings.serving
    database = {}
    if serving.dsn is None:
        url = urlsplit(get_database_url(settings, serving.database, role=serving.reader_role))
        folder = parse_qs(url.query)["host"][0]
        database = {"PGHOST": folder, "PGDATABASE": serving.database, "PGUSER": serving.reader_role}
    feast = {"FEAST_FS_YAML_FILE_PATH": str(settings.path(settings.features.path) / FEAST_FILE)}
    return {**airflow, **build_environment(settings), **feast, **database}

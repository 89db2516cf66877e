"""The environment variables that Airflow's processes are started with."""

from __future__ import annotations

import json
import os
import secrets
import sys
from datetime import UTC, datetime
from pathlib import Path

from handpick.runtime.telemetry import OPT_OUTS
from handpick.serving.embedded import get_sqlalchemy_url
from handpick.settings.configuration_file import (
    FILE_VARIABLE,
    find_configuration_file,
    require_configuration_file,
)
from handpick.settings.load import Settings

ADMIN_USER = "admin"
"""The only user of the local Airflow."""
HOME_VARIABLE = "AIRFLOW_HOME"
COMPONENT_VARIABLE = "HANDPICK_AIRFLOW_COMPONENT"
"""With `AIRFLOW_HOME` it marks every process of this Airflow, as children inherit both."""
DAG_FILES = (
    "dags/*.py",
    "dbt/*.yml",
    *(f"dbt/{part}/**/*" for part in ("macros", "models", "snapshots", "tests")),
)
"""Files that the DAGs are made of, relative to the project's folder; the warehouse's tasks come from the dbt
project."""


def find_project_root() -> Path:
    """Return the project's folder, which holds `dags/`, `plugins/` and `dbt/`."""
    return Path(__file__).resolve().parents[2]


def find_dags_change_time() -> datetime:
    """Return when the newest of `DAG_FILES` and the settings file was written."""
    files = [file for part in DAG_FILES for file in find_project_root().glob(part)]
    written = [file.stat().st_mtime for file in (*files, find_configuration_file()) if file.is_file()]
    return datetime.fromtimestamp(max(written), UTC)


def build_base_url(settings: Settings) -> str:
    """Return the address of the web UI and the API, without a trailing slash."""
    return f"http://127.0.0.1:{settings.airflow.port}"


def read_password(settings: Settings) -> str:
    """Return the admin's password.

    It is generated on first use and kept in a file that only its owner can read.
    """
    file = _password_file(settings)
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(json.dumps({ADMIN_USER: secrets.token_urlsafe(12)}))
    return str(json.loads(file.read_text())[ADMIN_USER])


def _password_file(settings: Settings) -> Path:
    """Return the file that Airflow's SimpleAuthManager reads the password from."""
    return settings.path(settings.airflow.home) / "passwords.json"


def _secret(settings: Settings, name: str) -> str:
    """Return a random key of this installation, which is generated on first use and kept.

    If it changed at every start, sessions of the web UI and tokens of running tasks would become invalid.
    """
    file = settings.path(settings.airflow.home) / f"{name}.key"
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(32))
    return file.read_text()


def _lineage(settings: Settings) -> str:
    """Return the transport of Airflow's own OpenLineage events as JSON.

    It is the transport of the stages' events.
    """
    lineage = settings.lineage
    if lineage.url is None:
        file = settings.path(lineage.file)
        file.parent.mkdir(parents=True, exist_ok=True)
        return json.dumps({"type": "file", "log_file_path": str(file), "append": True})
    key = {"type": "api_key", "apiKey": lineage.api_key.get_secret_value()} if lineage.api_key else None
    return json.dumps({"type": "http", "url": lineage.url, **({"auth": key} if key else {})})


def build_airflow_environment(settings: Settings) -> dict[str, str]:
    """Return the environment of every Airflow process.

    LocalExecutor, embedded PostgreSQL, loopback only, no telemetry.
    """
    home = settings.path(settings.airflow.home)
    read_password(settings)
    database = get_sqlalchemy_url(settings, settings.airflow.database)
    options = {
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": "4",
        "CORE__DAGS_FOLDER": str(find_project_root() / "dags"),
        "CORE__PLUGINS_FOLDER": str(find_project_root() / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{ADMIN_USER}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(_password_file(settings)),
        "CORE__EXECUTION_API_SERVER_URL": f"{build_base_url(settings)}/execution/",
        # The first import parses the dbt project, which takes longer than the default of 30 s on a busy
        # machine.
        "CORE__DAGBAG_IMPORT_TIMEOUT": "120",
        "DATABASE__SQL_ALCHEMY_CONN": database,
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": database,
        "API__HOST": "127.0.0.1",
        # The port alone is not enough: workers learn where the API is from `[api] base_url`.
        "API__PORT": str(settings.airflow.port),
        "API__BASE_URL": build_base_url(settings),
        "API__WORKERS": "1",
        "API__SECRET_KEY": _secret(settings, "api"),
        "API_AUTH__JWT_SECRET": _secret(settings, "jwt"),
        "API__EXPOSE_CONFIG": "False",
        "LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
        "LOGGING__LOGGING_CONFIG_CLASS": "local_task_logs.LOGGING_CONFIG",
        "LOGGING__LOGGING_LEVEL": "INFO",
        # Airflow's own defaults are 0775 and 0664.
        "LOGGING__FILE_TASK_HANDLER_NEW_FOLDER_PERMISSIONS": "0o700",
        "LOGGING__FILE_TASK_HANDLER_NEW_FILE_PERMISSIONS": "0o600",
        "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
        # A worker can miss the end of its task's process; it checks this often, so this is the longest delay.
        "WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.3",
        # How soon tasks of a scheduler that was killed run again under the next one; by default five minutes.
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "120",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "60",
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "OPENLINEAGE__TRANSPORT": _lineage(settings),
        "OPENLINEAGE__NAMESPACE": settings.lineage.namespace,
    }
    # Airflow options of the caller's environment are meant for another Airflow.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW__")}
    return {
        **inherited,
        **OPT_OUTS,
        **{f"AIRFLOW__{name}": value for name, value in options.items()},
        HOME_VARIABLE: str(home),
        # Airflow renames its processes, which would overwrite the environment that others see of them.
        "SPT_NOENV": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(find_project_root()),
        FILE_VARIABLE: str(require_configuration_file()),
        "PYTHONWARNINGS": "ignore",
        "NO_PROXY": "127.0.0.1,localhost",
    }

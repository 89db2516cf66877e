"""Paths of the dbt project, and the environment variables through which it reads the settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from handpick.settings.load import Settings

SCRATCH_SUFFIX = ".scratch.duckdb"
"""Ends the name of the file beside the warehouse that dbt's target `scratch` builds in."""


def find_project_folder() -> Path:
    """Return the folder of the dbt project and its profiles."""
    # The dbt project is next to the package `handpick` in the checkout.
    return Path(__file__).resolve().parents[3] / "dbt"


def find_target_folder(settings: Settings) -> Path:
    """Return the folder in which dbt writes its manifest, compiled SQL and documentation."""
    return settings.path(settings.lineage.manifest).parent


def build_environment(settings: Settings, logical_date: date | None = None) -> dict[str, str]:
    """Return the environment variables that dbt's project and profiles read.

    The date is an environment variable and not a dbt variable, since dbt parses the whole project again when
    one of its own variables changes.

    Args:
        settings: All settings.
        logical_date: The night that the stage builds. Without it, dbt takes the newest night of the lake
            and refuses to change the warehouse for an older one.
    """
    warehouse = settings.warehouse
    target = find_target_folder(settings)
    variables = {
        "HANDPICK_LAKE": str(settings.path(settings.lake.root)),
        "HANDPICK_WAREHOUSE": str(settings.path(warehouse.path)),
        "HANDPICK_WAREHOUSE_MEMORY": warehouse.memory,
        "HANDPICK_WAREHOUSE_THREADS": str(warehouse.threads),
        "DBT_PROJECT_DIR": str(find_project_folder()),
        "DBT_PROFILES_DIR": str(find_project_folder()),
        "DBT_TARGET_PATH": str(target),
        "DBT_LOG_PATH": str(target.parent / "logs"),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }
    if logical_date is None:
        return variables
    return variables | {"HANDPICK_LOGICAL_DATE": logical_date.isoformat(), "HANDPICK_WAREHOUSE_STAGE": "1"}


def find_differing_folder(settings: Settings, database: Path | None) -> str:
    """Return how dbt's default folders differ from those of the settings; empty if they do not.

    Args:
        settings: All settings.
        database: The file that dbt has been told to open, relative to the working folder.
    """
    warehouse = settings.path(settings.warehouse.path)
    lake = Path("../var/lake").resolve()  # as in `dbt/dbt_project.yml`
    expected = {warehouse.resolve(), warehouse.with_suffix(SCRATCH_SUFFIX).resolve()}
    if lake == settings.path(settings.lake.root).resolve() and (
        database is None or database.resolve() in expected
    ):
        return ""
    return (
        f"dbt would read {lake} and write {database}, but the settings name "
        f"{settings.path(settings.lake.root)} "
        f'and {warehouse}; nothing was built. First run: eval "$(handpick env)"'
    )


@contextmanager
def set_environment(variables: dict[str, str]) -> Iterator[None]:
    """Set environment variables of this process for the length of a block."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

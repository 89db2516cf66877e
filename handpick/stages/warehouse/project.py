"""Paths of the dbt project, and the environment variables through which it reads the settings."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from handpick.settings.load import Settings


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
        logical_date: The night to build; without it dbt can only parse and document.
    """
    warehouse = settings.warehouse
    variables = {
        "HANDPICK_LAKE": str(settings.path(settings.lake.root)),
        "HANDPICK_WAREHOUSE": str(settings.path(warehouse.path)),
        "HANDPICK_WAREHOUSE_MEMORY": warehouse.memory,
        "HANDPICK_WAREHOUSE_THREADS": str(warehouse.threads),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }
    return variables | ({"HANDPICK_LOGICAL_DATE": logical_date.isoformat()} if logical_date else {})


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

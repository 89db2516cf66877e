"""Where the dbt project lies, and what its profile learns from the configuration."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from handpick.settings.load import Settings


def project_folder() -> Path:
    """The dbt project and its profiles."""
    return Path(__file__).resolve().parents[3] / "dbt"


def target_folder(settings: Settings) -> Path:
    """Where dbt leaves its manifest, compiled SQL and documentation."""
    return settings.path(settings.lineage.manifest).parent


def environment(settings: Settings, logical_date: date | None = None) -> dict[str, str]:
    """The variables that dbt's project and profiles read; without a date, enough to parse and document.

    The date is a variable of the environment, not of dbt: dbt parses a whole project anew when one of its own changes.
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
def environment_of(variables: dict[str, str]) -> Iterator[None]:
    """This process's environment with more variables, for the length of a block."""
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

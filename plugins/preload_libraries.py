"""The scheduler loads the stages' libraries before it forks its workers."""

from __future__ import annotations

import sys
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin


def _is_scheduler(component: Any) -> bool:
    """The job does not know its kind yet."""
    return type(component).__name__ == "Job" and sys.argv[1:2] == ["scheduler"]


@hookimpl
def on_starting(component: Any) -> None:
    """Called by Airflow in each of its components, and in every task, before it begins."""
    if _is_scheduler(component):
        from handpick.local_airflow.preload import preload

        preload()


class Preloading(AirflowPlugin):
    """Listens for the scheduler's start."""

    name = "preloading"
    listeners = [sys.modules[__name__]]  # noqa: RUF012

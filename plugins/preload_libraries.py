"""Airflow plugin that preloads the stages' libraries in the scheduler, before it forks its workers."""

from __future__ import annotations

import sys
from typing import Any

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin


def _is_scheduler(component: Any) -> bool:
    """Return whether the component that starts is the scheduler's job."""
    # The job's type is set after this event, so the command line tells which component it is.
    return type(component).__name__ == "Job" and sys.argv[1:2] == ["scheduler"]


@hookimpl
def on_starting(component: Any) -> None:
    """Preload if this is the scheduler; Airflow calls it in each of its components, and in every task."""
    if _is_scheduler(component):
        from handpick.local_airflow.preload import preload_shared_libraries

        preload_shared_libraries()


class Preloading(AirflowPlugin):
    """Registers this module as a listener of Airflow's lifecycle events."""

    name = "preloading"
    listeners = [sys.modules[__name__]]  # noqa: RUF012

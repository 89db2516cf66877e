"""Airflow's cluster policy: a dbt node's task that is cleared forgets when its last try ended.

Airflow empties that only when a worker starts the task, which never happens to tasks that start in the triggerer: their
new end would be the old one, and their duration negative.
"""

from __future__ import annotations

from typing import Any


def task_instance_mutation_hook(task_instance: Any, dag_run: Any = None) -> None:  # noqa: ARG001
    """Called by Airflow when it makes or clears a task instance."""
    if task_instance.operator == "NodeOperator":
        task_instance.end_date = None
        task_instance.duration = None

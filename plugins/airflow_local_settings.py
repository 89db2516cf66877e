"""Airflow cluster policy: resets end date and duration of a dbt node's task that is cleared.

Airflow resets them when a worker starts the task. Tasks of dbt nodes start in the triggerer instead, so a
cleared one would keep the end date of its last try, and its duration would be negative.
"""

from __future__ import annotations

from typing import Any


def task_instance_mutation_hook(task_instance: Any, dag_run: Any = None) -> None:  # noqa: ARG001
    """Reset the end of a dbt node's task.

    Airflow calls it for every task instance that it creates or clears.
    """
    if task_instance.operator == "DbtNodeSensor":
        task_instance.end_date = None
        task_instance.duration = None

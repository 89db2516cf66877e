"""The warehouse: dbt builds once, as one stage; in the group around it every model and test is a task of its own."""

from __future__ import annotations

from datetime import date
from typing import Any

from airflow.sdk import TaskGroup, get_parsing_context, task
from stage_task import RETRIES, ledger_lines, without_traceback

from handpick.settings.load import load

GROUP, BUILD = "warehouse", "build"


@task(task_id=BUILD, **RETRIES)
def build(logical_date: Any = None, ti: Any = None) -> dict[str, Any]:
    """Run the stage: one dbt build, then the marts' partitions and the ledger."""
    from warehouse_nodes import FOLDER_KEY

    from handpick.night import Night
    from handpick.pipeline.runner import run_stage
    from handpick.stages.warehouse.nodes import reported_to

    settings = load()
    folder = settings.path(settings.warehouse.path).parent / "nodes" / str(ti.id)
    ti.xcom_push(key=FOLDER_KEY, value=str(folder))
    night = Night(settings, date.fromisoformat(logical_date.strftime("%Y-%m-%d")))
    with reported_to(folder):
        return ledger_lines(without_traceback(lambda: run_stage("warehouse", night)))


def warehouse(before: Any) -> TaskGroup:
    """The group, or no more of it than the build: a worker that runs a stage needs no Cosmos, which takes a second to load.

    Args:
        before: The task after which dbt builds.
    """
    running = get_parsing_context().task_id
    if running is None or (running.startswith(f"{GROUP}.") and running != f"{GROUP}.{BUILD}"):
        from warehouse_group import group_of_nodes

        group, watching = group_of_nodes(GROUP, f"{GROUP}.{BUILD}")
    else:
        group, watching = TaskGroup(GROUP), []
    with group:
        before >> [build(), *watching]
    return group

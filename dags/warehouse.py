"""The warehouse stage in Airflow: one task builds, and a task per dbt node shows the node's outcome."""

from __future__ import annotations

from typing import Any

from airflow.sdk import TaskGroup, get_parsing_context, task
from stage_task import LIMITS, RETRIES, open_night, render_stage_doc, run_stage_of_night

from handpick.pipeline.registry import get_stage

WAREHOUSE, BUILD = "warehouse", "build"


@task(task_id=BUILD, doc_md=render_stage_doc(get_stage(WAREHOUSE)), **RETRIES, **LIMITS)
def build(**context: Any) -> dict[str, Any]:
    """Run the warehouse stage: one dbt build, then the marts' partitions and the ledger."""
    from dbt_node_sensor import OUTCOMES_FOLDER_KEY

    from handpick.stages.warehouse.node_outcomes import report_nodes_to

    night, ti = open_night(context), context["ti"]
    # One folder per try: the outcomes of an earlier try must not count for this one.
    folder = night.settings.path(night.settings.warehouse.path).parent / "nodes" / str(ti.id)
    ti.xcom_push(key=OUTCOMES_FOLDER_KEY, value=str(folder))
    with report_nodes_to(folder):
        return run_stage_of_night(WAREHOUSE, night)


def warehouse(before: Any) -> TaskGroup:
    """Return the task group of the warehouse.

    Where a worker parses the DAG to run a task outside of the group, or the build itself, the group holds
    only the build: that worker does not need Cosmos, which takes a second to import.

    Args:
        before: The task after which dbt builds.
    """
    running = get_parsing_context().task_id
    if running is None or (running.startswith(f"{WAREHOUSE}.") and running != f"{WAREHOUSE}.{BUILD}"):
        from warehouse_group import build_node_group

        group, watching = build_node_group(WAREHOUSE, f"{WAREHOUSE}.{BUILD}")
    else:
        group, watching = TaskGroup(WAREHOUSE), []
    with group:
        before >> [build(), *watching]
    return group

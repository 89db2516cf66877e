"""The warehouse as a task group: dbt builds once, and every model and test is a task that shows how it did."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, timedelta
from typing import Any

from airflow.sdk import TaskGroup, task
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import DbtResourceType, LoadMode
from stage_task import RETRIES, SETTINGS, ledger_lines, without_traceback
from warehouse_nodes import FOLDER_KEY, NodeOperator

from handpick.config import load
from handpick.model.manifest import parsed_manifest
from handpick.model.project import project_folder

GROUP, BUILD = "model", "build"
LONGEST = timedelta(hours=12)


@task(task_id=BUILD, **RETRIES)
def build(logical_date: Any = None, ti: Any = None) -> dict[str, Any]:
    """Run the stage: one dbt build, then the marts' partitions and the ledger."""
    from handpick.model.nodes import reported_to
    from handpick.night import Night, run_stage

    settings = load()
    folder = settings.path(settings.warehouse.path).parent / "nodes" / str(ti.id)
    ti.xcom_push(key=FOLDER_KEY, value=str(folder))
    night = Night(settings, date.fromisoformat(logical_date.strftime("%Y-%m-%d")))
    with reported_to(folder):
        return ledger_lines(without_traceback(lambda: run_stage("model", night)))


def warehouse(before: Any) -> TaskGroup:
    """The group. Cosmos draws it from dbt's manifest; its own operators would each start a process to watch.

    Args:
        before: The task after which dbt builds.
    """
    manifest = parsed_manifest(SETTINGS)
    of_parent, alone = _tests(json.loads(manifest.read_text()))

    def watching(dag: Any, task_group: Any, task_id: str, node: Any, **_: Any) -> NodeOperator:
        # For a test of several parents Cosmos hands over some other node; the name says which test is meant.
        nodes = of_parent[node.unique_id] if task_id == "test" else [alone.get(task_id, node.unique_id)]
        return _watching(task_id, nodes, dag=dag, task_group=task_group)

    group = DbtTaskGroup(
        group_id=GROUP,
        project_config=ProjectConfig(
            manifest_path=manifest, project_name="handpick", dbt_project_path=project_folder()
        ),
        profile_config=ProfileConfig(
            profile_name="handpick",
            target_name=SETTINGS.warehouse.target,
            profiles_yml_filepath=project_folder() / "profiles.yml",
        ),
        execution_config=ExecutionConfig(),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            # Nothing to run, and Cosmos would warn of each in every task's log.
            exclude=["resource_type:exposure", "resource_type:operation"],
            emit_datasets=False,
            should_detach_multiple_parents_tests=True,
            node_conversion_by_task_group=False,
            node_converters=dict.fromkeys(
                (DbtResourceType.MODEL, DbtResourceType.SNAPSHOT, DbtResourceType.TEST), watching
            ),
        ),
        operator_args={"install_deps": False},
    )
    with group:
        for parent, nodes in of_parent.items():
            if parent.startswith("source."):  # Cosmos would draw a task that asks how old the source is, too.
                _watching("__".join(parent.split(".")[2:]) + "_test", nodes)
        before >> [build(), *(one for one in group.iter_tasks() if isinstance(one, NodeOperator))]
    return group


def _watching(task_id: str, nodes: list[str], **options: Any) -> NodeOperator:
    """A task that shows how the build did with some nodes.

    All begin to watch at once: dbt knows the order, and the lines between them show it.
    """
    watched = {"build_task_id": f"{GROUP}.{BUILD}", "nodes": nodes, "timeout": LONGEST}
    return NodeOperator(task_id=task_id, trigger_rule="one_success", **watched, **options)


def _tests(manifest: dict[str, Any]) -> tuple[dict[str, list[str]], dict[str, str]]:
    """For each node the tests that look at nothing else, which share a task; and the others, by the names of their tasks."""
    of_parent: dict[str, list[str]] = defaultdict(list)
    alone: dict[str, str] = {}
    for unique_id, node in manifest["nodes"].items():
        if node["resource_type"] != "test":
            continue
        parents = node["depends_on"]["nodes"]
        if len(parents) == 1:
            of_parent[parents[0]].append(unique_id)
        else:
            alone[f"{unique_id.split('.')[2]}_test"] = unique_id
    return of_parent, alone

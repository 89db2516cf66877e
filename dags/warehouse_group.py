"""The warehouse as Cosmos draws it from dbt's manifest: a task for every model, snapshot and test."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import timedelta
from typing import Any

from airflow.sdk import TaskGroup
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import DbtResourceType, LoadMode
from stage_task import SETTINGS
from warehouse_nodes import NodeOperator

from handpick.stages.warehouse.manifest import parsed_manifest
from handpick.stages.warehouse.project import project_folder

LONGEST = timedelta(hours=12)


def group_of_nodes(name: str, build_task_id: str) -> tuple[TaskGroup, list[NodeOperator]]:
    """The group, and its tasks that watch a build; Cosmos's own operators would each start a process for that.

    Args:
        name: Of the group.
        build_task_id: The task that builds, whose outcomes they show.
    """

    def watch(task_id: str, nodes: list[str], **options: Any) -> NodeOperator:
        # All begin to watch at once: dbt knows the order, and the lines between them show it.
        watched = {"build_task_id": build_task_id, "nodes": nodes, "timeout": LONGEST}
        return NodeOperator(task_id=task_id, trigger_rule="one_success", **watched, **options)

    manifest = parsed_manifest(SETTINGS)
    of_parent, alone = _tests(json.loads(manifest.read_text()))

    def watching(dag: Any, task_group: Any, task_id: str, node: Any, **_: Any) -> NodeOperator:
        # For a test of several parents Cosmos hands over some other node; the name says which test is meant.
        nodes = of_parent[node.unique_id] if task_id == "test" else [alone.get(task_id, node.unique_id)]
        return watch(task_id, nodes, dag=dag, task_group=task_group)

    group = DbtTaskGroup(
        group_id=name,
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
                watch("__".join(parent.split(".")[2:]) + "_test", nodes)
    return group, [one for one in group.iter_tasks() if isinstance(one, NodeOperator)]


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

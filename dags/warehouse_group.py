"""The task group that Cosmos draws from dbt's manifest: a task for every model, snapshot and test."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import timedelta
from typing import Any

from airflow.sdk import TaskGroup
from cosmos import DbtTaskGroup, ExecutionConfig, ProfileConfig, ProjectConfig, RenderConfig
from cosmos.constants import DbtResourceType, LoadMode
from dbt_node_sensor import DbtNodeSensor
from stage_task import SETTINGS

from handpick.stages.warehouse.manifest import parse_manifest
from handpick.stages.warehouse.project import find_project_folder

WATCH_TIMEOUT = timedelta(hours=12)
"""How long a task waits for its nodes at most."""


def build_node_group(name: str, build_task_id: str) -> tuple[TaskGroup, list[DbtNodeSensor]]:
    """Build the task group of the dbt nodes.

    Cosmos's own operators would start a dbt process per task; here every task watches the one build.

    Args:
        name: Name of the group.
        build_task_id: The task that builds, whose outcomes the tasks show.

    Returns:
        The group, and its tasks, which are to start together with the build.
    """

    def watch(task_id: str, nodes: list[str], **options: Any) -> DbtNodeSensor:
        # All tasks start watching when the task before the build has succeeded. The dependencies between them
        # only show dbt's order; with this trigger rule they do not wait for one another.
        return DbtNodeSensor(
            task_id=task_id,
            trigger_rule="one_success",
            build_task_id=build_task_id,
            nodes=nodes,
            timeout=WATCH_TIMEOUT,
            **options,
        )

    manifest = parse_manifest(SETTINGS)
    tests_of, lone_tests = _group_tests(json.loads(manifest.read_text()))

    def watching(dag: Any, task_group: Any, task_id: str, node: Any, **_: Any) -> DbtNodeSensor:
        # For a test of several parents Cosmos passes some other node; only the task id names the test.
        nodes = tests_of[node.unique_id] if task_id == "test" else [lone_tests.get(task_id, node.unique_id)]
        return watch(task_id, nodes, dag=dag, task_group=task_group)

    group = DbtTaskGroup(
        group_id=name,
        project_config=ProjectConfig(
            manifest_path=manifest, project_name="handpick", dbt_project_path=find_project_folder()
        ),
        profile_config=ProfileConfig(
            profile_name="handpick",
            target_name=SETTINGS.warehouse.target,
            profiles_yml_filepath=find_project_folder() / "profiles.yml",
        ),
        execution_config=ExecutionConfig(),
        render_config=RenderConfig(
            load_method=LoadMode.DBT_MANIFEST,
            # There is nothing to run for them, and Cosmos would warn of each in every task's log.
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
        for parent, nodes in tests_of.items():
            # Tests of sources get their tasks here: Cosmos would add a task for the source's freshness as
            # well.
            if parent.startswith("source."):
                watch("__".join(parent.split(".")[2:]) + "_test", nodes)
    return group, [one for one in group.iter_tasks() if isinstance(one, DbtNodeSensor)]


def _group_tests(manifest: dict[str, Any]) -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return the tests of a single parent, which share a task, by parent; and the others by task id."""
    tests_of: dict[str, list[str]] = defaultdict(list)
    lone_tests: dict[str, str] = {}
    for unique_id, node in manifest["nodes"].items():
        if node["resource_type"] != "test":
            continue
        parents = node["depends_on"]["nodes"]
        if len(parents) == 1:
            tests_of[parents[0]].append(unique_id)
        else:
            lone_tests[f"{unique_id.split('.')[2]}_test"] = unique_id
    return tests_of, lone_tests

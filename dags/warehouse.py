"""The warehouse as a task group: dbt builds once, and every model and test is a task that shows how it did."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
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


def warehouse() -> TaskGroup:
    """The group. Cosmos draws it from dbt's manifest; its own operators would each start a process to watch."""
    manifest = parsed_manifest(SETTINGS)
    tests = _tests_of_one_parent(json.loads(manifest.read_text()))

    def watching(dag: Any, task_group: Any, task_id: str, node: Any, **_: Any) -> NodeOperator:
        of_parent = task_id == "test" and node.resource_type != DbtResourceType.TEST
        return NodeOperator(
            task_id=task_id,
            dag=dag,
            task_group=task_group,
            build_task_id=f"{GROUP}.{BUILD}",
            nodes=tests[node.unique_id] if of_parent else [node.unique_id],
            timeout=LONGEST,
            # All begin to watch at once: dbt knows the order, and the lines between them show it.
            trigger_rule="one_success",
        )

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
    nodes = [one for one in group.iter_tasks() if isinstance(one, NodeOperator)]
    with group:
        begin = EmptyOperator(task_id="begin")
        begin >> [build(), *nodes]
    return group


def _tests_of_one_parent(manifest: dict[str, Any]) -> dict[str, list[str]]:
    """Tests of each node that look at nothing else; Cosmos makes one task of them."""
    tests: dict[str, list[str]] = defaultdict(list)
    for unique_id, node in manifest["nodes"].items():
        parents = node["depends_on"]["nodes"]
        if node["resource_type"] == "test" and len(parents) == 1:
            tests[parents[0]].append(unique_id)
    return tests

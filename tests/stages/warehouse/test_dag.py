"""The warehouse in Airflow: one task watches each model, snapshot and test, and all start with the build."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from handpick.pipeline.registry import list_nightly_names
from handpick.stages.warehouse.node_outcomes import has_build_ended, report_nodes_to

ROOT = Path(__file__).parents[3]
SCRIPT = """
import json
import nightly_recommendations
from handpick.settings.load import load
from handpick.stages.warehouse.manifest import parse_manifest
dag = nightly_recommendations.nightly_recommendations()
tasks = {
    task.task_id: {"nodes": getattr(task, "nodes", None), "upstream": sorted(task.upstream_task_ids)}
    for task in dag.tasks if task.task_id.startswith("warehouse.")
}
print("FOUND " + json.dumps(
    {"tasks": tasks, "manifest": str(parse_manifest(load())), "start": dag.start_date.isoformat()}
))
"""

OF_ONE_STAGE = """
import json, sys
from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager as parsing
with parsing(dag_id="nightly_recommendations", task_id="embed"):
    import nightly_recommendations
    dag = nightly_recommendations.nightly_recommendations()
tasks = {task.task_id: {"upstream": sorted(task.upstream_task_ids)} for task in dag.tasks}
print("FOUND " + json.dumps({"tasks": tasks, "cosmos": "cosmos.converter" in sys.modules}))
"""


@pytest.fixture(scope="module")
def run_script(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[str, Any]]:
    """Run a script in an environment like that of Airflow's DAG processors; return what it found."""
    home = tmp_path_factory.mktemp("dag")
    (home / "handpick.toml").write_text(f'[lineage]\nmanifest = "{home}/target/manifest.json"\n')
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home / "airflow"),
        "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("dags", "plugins")),
        "HANDPICK_CONFIG": str(home / "handpick.toml"),
    }

    def run(script: str) -> dict[str, Any]:
        command = [sys.executable, "-c", script]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        line = next(line for line in done.stdout.splitlines() if line.startswith("FOUND "))
        return dict(json.loads(line.removeprefix("FOUND ")))

    return run


@pytest.fixture(scope="module")
def found(run_script: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """The tasks of the group, and dbt's manifest."""
    told = run_script(SCRIPT)
    return {**told, "manifest": json.loads(Path(told["manifest"]).read_text())}


def test_every_model_snapshot_and_test_is_watched_by_exactly_one_task(found: dict[str, Any]) -> None:
    kinds = ("model", "snapshot", "test")
    nodes = found["manifest"]["nodes"].values()
    watched = Counter(node for task in found["tasks"].values() for node in task["nodes"] or ())
    assert watched == Counter(node["unique_id"] for node in nodes if node["resource_type"] in kinds)


def test_a_test_of_several_models_comes_after_them_and_shows_its_own_outcome(found: dict[str, Any]) -> None:
    task = found["tasks"]["warehouse.assert_windows_lie_within_each_other_test"]
    assert task["nodes"] == ["test.handpick.assert_windows_lie_within_each_other"]
    assert {"warehouse.mart_user_activity.test", "warehouse.mart_item_statistics.test"} <= set(
        task["upstream"]
    )


def test_all_begin_once_the_transforms_are_done(found: dict[str, Any]) -> None:
    assert all("transform" in task["upstream"] for task in found["tasks"].values())


def test_days_of_old_data_have_tasks_too(found: dict[str, Any]) -> None:
    """Airflow runs no task before a DAG's start date, and marks the run as successful."""
    assert found["start"] < "2000"


def test_a_worker_reads_every_stage_without_the_groups_other_tasks(
    run_script: Callable[[str], dict[str, Any]],
) -> None:
    read = run_script(OF_ONE_STAGE)
    stages = set(list_nightly_names()) - {"warehouse"} | {"warehouse.build"}
    assert stages <= set(read["tasks"])
    assert [task for task in read["tasks"] if task.startswith("warehouse.")] == ["warehouse.build"]
    assert read["tasks"]["warehouse.build"]["upstream"] == ["transform"]
    assert read["tasks"]["embed"]["upstream"] == ["warehouse.build"]
    assert not read["cosmos"]


def test_a_build_says_when_it_has_ended_also_when_it_failed(tmp_path: Path) -> None:
    folder = tmp_path / "nodes"
    with pytest.raises(ValueError, match="no dbt"), report_nodes_to(folder):
        assert not has_build_ended(folder)
        raise ValueError("no dbt")
    assert has_build_ended(folder)

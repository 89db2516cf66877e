"""Every DAG can be imported quickly, says who owns it and what each task does, and its form can be submitted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from handpick.pipeline.registry import list_nightly_names

ROOT = Path(__file__).parents[2]
DAG_FILES = sorted(
    file.stem for file in (ROOT / "dags").glob("*.py") if "\n@dag(" in file.read_text(encoding="utf-8")
)
MAX_IMPORT_SECONDS = 1.0
SCRIPT = """
import importlib, json, sys, time
from airflow.sdk import DAG
from airflow.sdk.definitions._internal.dag_parsing_context import _airflow_parsing_context_manager as parsing
from airflow.serialization.serialized_objects import DagSerialization
began = time.process_time()
import stage_task  # by every DAG file, each in a process of its own
shared = time.process_time() - began
found = {}
for name in sys.argv[1:]:
    began = time.process_time()
    # As a worker that runs a stage reads it; the DAG processor also draws the warehouse's group.
    with parsing(dag_id=name, task_id="embed"):
        module = importlib.import_module(name)
    seconds = shared + time.process_time() - began
    dag = getattr(module, name)()
    DagSerialization.to_dict(dag)
    tasks = {}
    for task in dag.tasks:
        plain = task.operator_class if hasattr(task, "operator_class") else task
        tasks[task.task_id] = {
            "owner": task.owner, "doc": bool(task.doc_md), "upstream": sorted(task.upstream_task_ids),
            "timeout": bool(task.execution_timeout), "retries": task.retries, "pool": task.pool,
            "teardown": task.is_teardown, "kind": type(task).__name__,
        }
    try:
        form = dag.params.validate()
    except Exception as error:
        form = type(error).__name__
    found[name] = {
        "seconds": seconds, "doc": bool(dag.doc_md), "tags": sorted(dag.tags), "tasks": tasks, "form": form,
        "late": bool(dag.deadline), "schedule": str(dag.schedule), "runs": dag.max_active_runs,
    }
print("FOUND " + json.dumps(found, default=str))
"""


@pytest.fixture(scope="module")
def dags(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What Airflow sees of every DAG of a shop that has an owner of alerts and a pool for its GPU."""
    home = tmp_path_factory.mktemp("dags")
    (home / "handpick.toml").write_text(
        '[airflow]\ngpu_pool = "gpu"\nowner = "night team"\n\n[alerts]\ndefault_owners = ["operations"]\n'
    )
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(home / "airflow"),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *(str(ROOT / folder) for folder in ("dags", "plugins"))]),
        "HANDPICK_CONFIG": str(home / "handpick.toml"),
    }
    command = [sys.executable, "-c", SCRIPT, *DAG_FILES]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    line = next(line for line in done.stdout.splitlines() if line.startswith("FOUND "))
    return dict(json.loads(line.removeprefix("FOUND ")))


def test_all_dags_are_there(dags: dict[str, Any]) -> None:
    expected = {"backfill_nights", "check_input", "example_consumer", "nightly_recommendations"}
    assert set(dags) == expected | {"erase_user", "rollback_lists", "watch_shop", "weekly_pretraining"}


def test_every_file_is_imported_within_a_second(dags: dict[str, Any]) -> None:
    assert {name: dag["seconds"] for name, dag in dags.items() if dag["seconds"] > MAX_IMPORT_SECONDS} == {}


def test_every_dag_and_task_says_what_it_does_and_who_owns_it(dags: dict[str, Any]) -> None:
    for name, dag in dags.items():
        assert dag["doc"] and "handpick" in dag["tags"], name
        for task_id, task in dag["tasks"].items():
            assert task["owner"] == "night team", (name, task_id)
            assert task["doc"] or task["kind"] == "EmptyOperator", (name, task_id)


def test_every_form_can_be_submitted_as_it_is_offered_except_for_what_only_a_person_knows(
    dags: dict[str, Any],
) -> None:
    refused = {name for name, dag in dags.items() if isinstance(dag["form"], str)}
    assert refused == {"backfill_nights", "erase_user"}
    assert dags["rollback_lists"]["form"] == {"version": None, "why": None}
    assert dags["nightly_recommendations"]["form"] == {"date": None}


def test_stages_have_limits_and_those_with_models_share_the_gpu(dags: dict[str, Any]) -> None:
    tasks = dags["nightly_recommendations"]["tasks"]
    for stage in list_nightly_names():
        task = tasks["warehouse.build" if stage == "warehouse" else stage]
        assert task["timeout"] and task["retries"] == 1, stage
    pooled = {name for name, task in tasks.items() if task["pool"] == "gpu"}
    assert {"train", "embed"} <= pooled and "publish" not in pooled
    assert dags["weekly_pretraining"]["tasks"]["pretrain"]["pool"] == "gpu"
    assert all(dag["runs"] == 1 for dag in dags.values())


def test_the_owners_are_told_at_the_end_of_a_night_whatever_happened_and_when_it_is_late(
    dags: dict[str, Any],
) -> None:
    night = dags["nightly_recommendations"]
    assert night["tasks"]["alert"]["teardown"] and night["tasks"]["alert"]["upstream"] == ["report"]
    assert night["late"]
    assert dags["watch_shop"]["schedule"] != "None"

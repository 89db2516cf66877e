"""Compares dbt through Airflow, with Cosmos's task per model and test, with a plain `dbt build`, in one run.

The plain build is timed from the start to the end of the command. Through Airflow, the time is from the start
of the first task of the group to the end of the last. The stage's work after dbt (marts as partitions,
documentation) is timed alone in this process and subtracted, because the plain build does not do it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.demo_shops import LAST_DAY, make_shop, use_settings

ROUNDS = 3
GROUP = "warehouse."


def measure() -> dict[str, Any]:
    """Measure the seconds of both at rung XS, medians of three alternating rounds, and their ratio."""
    from handpick.local_airflow.client import NIGHTLY_DAG_ID, sign_in
    from handpick.local_airflow.dag_run import keep_airflow_running
    from handpick.local_airflow.environment import find_dags_change_time
    from handpick.night import Night
    from handpick.serving.embedded import stop_embedded
    from handpick.settings.load import load
    from handpick.stages.warehouse import write_built_marts

    home = Path(tempfile.mkdtemp(prefix="handpick-cosmos-"))
    landing = make_shop("XS") / "landing"
    (home / "handpick.toml").write_text(
        f'[airflow]\nport = {_find_free_port()}\n[lake]\nlanding = "{landing}"\nmedia = "{landing}/media"\n'
    )
    rounds = []
    with use_settings(home / "handpick.toml"):
        try:
            settings = load()
            night = Night(settings, LAST_DAY)
            with keep_airflow_running(settings), sign_in(settings) as client:
                client.wait_for_dag(NIGHTLY_DAG_ID, find_dags_change_time())
                run = f"/api/v2/dags/{NIGHTLY_DAG_ID}/dagRuns/{client.trigger(NIGHTLY_DAG_ID, LAST_DAY)}"
                # The first run is a warm-up: parsing, and the start of all services.
                _wait_for_group(client, run)
                # The rest of the night is not measured; failing the run keeps it from using the processor.
                client._json("PATCH", run, json={"state": "failed"})
                for _ in range(ROUNDS):
                    began = time.perf_counter()
                    write_built_marts(night)
                    after_dbt = time.perf_counter() - began
                    rounds.append((_time_bare_build(settings), _run_group_again(client, run), after_dbt))
        finally:
            stop_embedded(load())
            shutil.rmtree(home, ignore_errors=True)
    bare, group, after_dbt = (median(column) for column in zip(*rounds, strict=True))
    return {
        "cosmos_over_bare": (group - after_dbt) / bare,
        "bare_seconds": bare,
        "group_seconds": group,
        "besides_dbt_seconds": after_dbt,
    }


def _time_bare_build(settings: Any) -> float:
    """Return the wall seconds of `dbt build` with the project's data tests."""
    from handpick.stages.warehouse.project import build_environment, find_project_folder, find_target_folder

    folder = str(find_project_folder())
    command = [
        str(Path(sys.executable).with_name("dbt")),
        "--quiet",
        "build",
        *("--project-dir", folder, "--profiles-dir", folder),
        # The same options as the stage: with other ones dbt would discard its partial parse and parse the
        # project again.
        *("--target", settings.warehouse.target),
        *(
            "--target-path",
            str(find_target_folder(settings)),
            "--log-path",
            str(find_target_folder(settings)),
        ),
        *("--exclude-resource-type", "unit_test"),
    ]
    began = time.perf_counter()
    done = subprocess.run(
        command,
        env={**os.environ, **build_environment(settings, LAST_DAY)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"dbt build failed:\n{done.stdout[-3000:]}")
    return time.perf_counter() - began


def _run_group_again(client: Any, run: str) -> float:
    """Clear the group's tasks, wait until they have run again, and return the seconds of the group."""
    dag, run_id = run.removeprefix("/api/v2/dags/").split("/dagRuns/")
    tasks = sorted(task["task_id"] for task in _group_tasks(client, run))
    client._json(
        "POST",
        f"/api/v2/dags/{dag}/clearTaskInstances",
        json={"dag_run_id": run_id, "task_ids": tasks, "dry_run": False, "only_failed": False},
    )
    return _wait_for_group(client, run)


def _wait_for_group(client: Any, run: str) -> float:
    """Wait for the group and return the seconds from its first task's start to its last task's end."""
    while True:
        tasks = _group_tasks(client, run)
        states = {task["state"] for task in tasks}
        if "failed" in states or "upstream_failed" in states:
            raise RuntimeError("the night stopped before the warehouse was built")
        if tasks and states == {"success"}:
            starts, ends = (
                [datetime.fromisoformat(task[key]) for task in tasks] for key in ("start_date", "end_date")
            )
            return (max(ends) - min(starts)).total_seconds()
        time.sleep(1)


def _group_tasks(client: Any, run: str) -> list[dict[str, Any]]:
    found = client._json("GET", f"{run}/taskInstances", params={"limit": 500})["task_instances"]
    return [task for task in found if task["task_id"].startswith(GROUP)]


def _find_free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])

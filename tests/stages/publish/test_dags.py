"""The DAGs that use the lists: the example consumer, and the rollback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from handpick.night import Night
from handpick.settings.load import Settings
from handpick.stages.publish import run

from .conftest import DAY

DAGS = Path(__file__).parents[3] / "dags"
SCRIPT = """
import json, sys
import example_consumer, rollback_lists
from airflow.sdk.exceptions import AirflowFailException
from datetime import datetime
from stage_task import PUBLISHED, choose_night_of_run, describe_version, open_night
consumer, rollback = example_consumer.example_consumer(), rollback_lists.rollback_lists()
assert list(consumer.timetable.asset_condition.objects) == [PUBLISHED]
assert rollback.get_task("rollback").outlets == [PUBLISHED]
body = lambda dag, task: dag.get_task(task).python_callable
current = body(consumer, "current_version")()
found = {"current": current, "files": body(consumer, "read_exports")(current)}
found["rolled_back_to"] = body(rollback, "rollback")(params={"version": None})
try:
    body(rollback, "rollback")(params={"version": "77"})
except AirflowFailException as error:
    found["refused"] = str(error)
choose = choose_night_of_run.function
try:
    choose(params={"date": None})
except AirflowFailException as error:
    found["undated"] = str(error)
moment = datetime(2026, 3, 11)
found["chosen"] = [
    choose(params={"date": "2026-03-10"}, logical_date=moment), choose(params={"date": None}, logical_date=moment)
]
class FirstTask:
    def xcom_pull(self, task_ids):
        return {"choose_night": "2026-03-09"}[task_ids]
found["opened"] = [
    open_night(context).logical_date.isoformat()
    for context in ({"params": {"date": "2026-03-10"}, "logical_date": moment}, {"logical_date": moment},
                    {"params": {"date": None}, "ti": FirstTask()})
]
print("FOUND " + json.dumps(found))
"""


@pytest.fixture
def found(settings: Settings, make_night: Callable[..., Night], tmp_path: Path) -> dict[str, Any]:
    """What the bodies of the DAGs' tasks return after two published nights."""
    run(make_night(DAY, seed=1))
    run(make_night(DAY + timedelta(days=1), seed=2))
    (settings.home / "handpick.toml").touch()
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "PYTHONPATH": str(DAGS),
        "HANDPICK_CONFIG": str(settings.home / "handpick.toml"),
        "HANDPICK__SERVING__SCHEMA_NAME": settings.serving.schema_name,
        "HANDPICK__LAKE__ROOT": str(settings.lake.root),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    line = next(line for line in done.stdout.splitlines() if line.startswith("FOUND "))
    return dict(json.loads(line.removeprefix("FOUND ")))


def test_the_example_reads_what_is_current_and_a_rollback_moves_it(
    found: dict[str, Any], connection: psycopg.Connection
) -> None:
    assert found["current"] == {
        "version": 2,
        "logical_date": "2026-03-11",
        "users_by_source": {"fusion+als": 30},
    }
    assert {name: (part["users"], part["rows"]) for name, part in found["files"].items()} == {
        "CN": (10, 50),
        "DE": (10, 50),
        "unknown": (10, 50),
    }
    assert all(Path(part["file"]).is_file() for part in found["files"].values())
    assert found["rolled_back_to"] == "1"
    assert connection.execute("select version from current_version").fetchone() == (1,)
    assert found["refused"].startswith("there is no list version 77")


def test_a_run_without_a_logical_date_says_what_it_cannot_know(found: dict[str, Any]) -> None:
    assert found["undated"].startswith("no file of any source: looked in")
    assert "\n" not in found["undated"]


def test_the_form_comes_before_the_logical_date_and_the_first_tasks_choice_after_it(
    found: dict[str, Any],
) -> None:
    assert found["chosen"] == ["2026-03-10", "2026-03-11"]
    assert found["opened"] == ["2026-03-10", "2026-03-11", "2026-03-09"]

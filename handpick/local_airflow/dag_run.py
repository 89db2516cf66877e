"""Runs a night as a run of Airflow's nightly DAG, shows its progress, and explains a failure."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from rich.live import Live
from rich.table import Table
from rich.text import Text

from handpick.errors import HandpickError
from handpick.local_airflow.client import NIGHTLY_DAG_ID, UNEXPECTED_MARK, AirflowClient, TaskState, sign_in
from handpick.local_airflow.environment import find_dags_change_time
from handpick.local_airflow.processes import (
    WRECK_TIMEOUT_SECONDS,
    ComponentEnded,
    start_airflow,
    stop_airflow,
)
from handpick.night import Night
from handpick.pipeline.registry import list_nightly_names, list_nightly_stages
from handpick.runtime.log import SafeConsole, console, log_progress
from handpick.settings.load import Settings

FINAL_STATES = {"success", "failed", "upstream_failed", "skipped", "removed"}
"""States in which a task or a run stays."""
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class DagRun:
    """A finished DAG run: id, state and wall time in seconds."""

    run_id: str
    state: str
    seconds: float


@contextmanager
def keep_airflow_running(settings: Settings) -> Iterator[None]:
    """Keep Airflow running inside the block; one that was running before stays running afterwards.

    Unless a component of it ended: what is left of it would only seem to be running, so it is stopped.
    """
    is_started_here = start_airflow(settings)
    try:
        yield
    except ComponentEnded:
        stop_airflow(settings, WRECK_TIMEOUT_SECONDS)
        raise
    finally:
        if is_started_here:
            stop_airflow(settings)


def run_night(settings: Settings, logical_date: date) -> DagRun:
    """Run the nightly DAG for one logical date and wait until it has ended.

    Raises:
        ComponentEnded: If a component of Airflow, or its database, ends before.
        HandpickError: If a task failed; names the task and the last line of its log that says why.
    """
    with sign_in(settings) as client:
        client.wait_for_dag(NIGHTLY_DAG_ID, find_dags_change_time())
        began = time.perf_counter()
        run_id = client.trigger(NIGHTLY_DAG_ID, logical_date)
        state = _watch(client, run_id, logical_date)
        seconds = time.perf_counter() - began
        if state != "success":
            raise HandpickError(*_why_it_failed(client, run_id, logical_date))
    # A run also succeeds if somebody marked tasks as done in the web UI; only the ledger shows which stages
    # ran.
    done = {result.stage for result in Night(settings, logical_date).results()}
    if left := [stage for stage in list_nightly_names() if stage not in done]:
        raise HandpickError(
            f"Airflow ended the night of {logical_date} without running {', '.join(left)}; look at {run_id} "
            "in the web UI (`make up`)."
        )
    log_progress(f"The night of {logical_date} took {seconds:.0f} s")
    return DagRun(run_id, state, seconds)


def _watch(client: AirflowClient, run_id: str, logical_date: date) -> str:
    """Wait until a run has ended and return its state.

    Shows a live table on a terminal, a line per stage in a log.
    """
    began = time.perf_counter()
    if not sys.stderr.isatty():
        reported: set[str] = set()
        while True:
            client.check()
            state = client.get_run_state(NIGHTLY_DAG_ID, run_id)
            for stage, (stage_state, seconds) in _by_stage(client.list_tasks(NIGHTLY_DAG_ID, run_id)).items():
                if stage_state in FINAL_STATES - {"upstream_failed"} and stage not in reported:
                    reported.add(stage)
                    log_progress(
                        f"  {time.perf_counter() - began:6.0f} s  {stage:<13} {stage_state} in {seconds:.0f} "
                        "s"
                    )
            if state in FINAL_STATES:
                return state
            time.sleep(POLL_SECONDS)
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while True:
            client.check()
            state = client.get_run_state(NIGHTLY_DAG_ID, run_id)
            stages = _by_stage(client.list_tasks(NIGHTLY_DAG_ID, run_id))
            live.update(_progress(stages, logical_date, time.perf_counter() - began))
            if state in FINAL_STATES:
                return state
            time.sleep(POLL_SECONDS)


def _by_stage(tasks: list[TaskState]) -> dict[str, tuple[str, float]]:
    """Return state and seconds of each stage.

    A group of tasks counts as the stage that has the group's name.
    """
    stages: dict[str, tuple[str, float]] = {}
    for stage in list_nightly_names():
        own = [task for task in tasks if task.task_id == stage or task.task_id.split(".")[0] == stage]
        states = {task.state for task in own}
        if states & {"failed", "upstream_failed"}:
            state = "failed" if "failed" in states else "upstream_failed"
        elif own and states <= {"success", "skipped"}:
            state = "success"
        elif states - {None, "scheduled"}:
            state = "running"
        else:
            state = ""
        stages[stage] = (state, max((task.seconds for task in own), default=0.0))
    return stages


def _progress(stages: dict[str, tuple[str, float]], logical_date: date, elapsed: float) -> Table:
    """Build the live table: a row per stage with its state, seconds and title."""
    table = Table(
        title=f"Night of {logical_date}, {elapsed:.0f} s", title_justify="left", show_header=False, box=None
    )
    marks = {
        "success": Text("done", "green"),
        "failed": Text("failed", "red"),
        "running": Text("running", "cyan"),
    }
    waiting = Text("waiting", "dim")
    titles = {stage.name: stage.title for stage in list_nightly_stages()}
    for stage, (state, seconds) in stages.items():
        duration = f"{seconds:.0f} s" if state in FINAL_STATES else ""
        table.add_row(stage, marks.get(state, waiting), duration, Text(titles[stage], "dim"))
    return table


def _why_it_failed(client: AirflowClient, run_id: str, logical_date: date) -> list[str]:
    """Return a failed run's cause, effect on the lists, and next step, from its tasks' logs, as lines."""
    tasks = client.list_tasks(NIGHTLY_DAG_ID, run_id)
    failed = [task for task in tasks if task.state == "failed"]
    if not failed:
        return [
            f"the night of {logical_date} failed, but none of its tasks did; `handpick versions` shows which "
            "lists are current. See the run in the web UI (`make up`)."
        ]
    logs = {
        task: [line.strip() for line in client.read_task_log(NIGHTLY_DAG_ID, run_id, task) if line.strip()]
        for task in failed
    }
    # A failed dbt test fails a task of its own too, whose log holds no reason; the log of the task that ran
    # dbt does.
    task = next((one for one in failed if any("HANDPICK:" in line for line in logs[one])), failed[0])
    lines = logs[task]
    explained = [line for line in lines if "HANDPICK:" in line]
    unexpected = [line for line in lines if line.startswith(UNEXPECTED_MARK)]
    if explained:
        reasons = [explained[-1].split("HANDPICK:", 1)[1].strip()]
    elif unexpected:
        reasons = [f"Unexpected error: {unexpected[-1].removeprefix(UNEXPECTED_MARK).strip()}"]
    else:
        reasons = lines[-8:]
    done = {one.task_id for one in tasks if one.state == "success"}
    publishing = {stage.name for stage in list_nightly_stages() if "serving" in stage.writes}
    effect = (
        "its lists were published before that; `handpick versions` shows which are current"
        if publishing & done
        else "it published no lists"
    )
    return [
        f"the night of {logical_date} stopped at {task.task_id}; {effect}.",
        *reasons,
        "Fix the cause and run again; finished stages keep their results. Full log: `make up`, then "
        f"{NIGHTLY_DAG_ID} › {run_id}.",
    ]


def print_login(settings: Settings, out: SafeConsole) -> None:
    """Print the web UI's address, the admin's name and password."""
    from handpick.local_airflow.environment import ADMIN_USER, build_base_url, read_password

    out.print(
        f"Airflow: {build_base_url(settings)}   user: {ADMIN_USER}   password: {read_password(settings)}",
        soft_wrap=True,
    )

"""Runs nights through Airflow and shows them as they go."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from rich.console import Console
from rich.live import Live
from rich.table import Table

from handpick.errors import HandpickError
from handpick.local_airflow.client import NIGHTLY, UNEXPECTED, AirflowClient, TaskState, signed_in
from handpick.local_airflow.environment import dags_changed
from handpick.local_airflow.processes import start, stop
from handpick.night import Night
from handpick.pipeline.registry import nightly_names, nightly_stages
from handpick.runtime.log import console, say
from handpick.settings.load import Settings

ENDED = {"success", "failed", "upstream_failed", "skipped", "removed"}
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Run:
    """A finished DAG run: its id, state and wall seconds."""

    run_id: str
    state: str
    seconds: float


@contextmanager
def house(settings: Settings) -> Iterator[None]:
    """Airflow for the length of a block; one that was already up stays up."""
    started = start(settings)
    try:
        yield
    finally:
        if started:
            stop(settings)


def run_night(settings: Settings, logical_date: date) -> Run:
    """Run the nightly DAG for one logical date and wait for it.

    Raises:
        HandpickError: If a task failed; says which and the line that it ended with.
    """
    with signed_in(settings) as client:
        client.wait_for_dag(NIGHTLY, dags_changed())
        began = time.perf_counter()
        run_id = client.trigger(NIGHTLY, logical_date)
        state = _watch(client, run_id, logical_date)
        seconds = time.perf_counter() - began
        if state != "success":
            raise HandpickError(_why_it_failed(client, run_id, logical_date))
    done = {result.stage for result in Night(settings, logical_date).results()}
    if left := [stage for stage in nightly_names() if stage not in done]:
        raise HandpickError(
            f"Airflow ended the night of {logical_date} without running {', '.join(left)}; look at {run_id} in the web UI "
            "(`make up`)."
        )
    say(f"The night of {logical_date} took {seconds:.0f} s")
    return Run(run_id, state, seconds)


def _watch(client: AirflowClient, run_id: str, logical_date: date) -> str:
    """Follow a run until it ends: a live table on a terminal, a line per finished stage in a log."""
    began = time.perf_counter()
    if not sys.stderr.isatty():
        told: set[str] = set()
        while True:
            state = client.run_state(NIGHTLY, run_id)
            for stage, (stage_state, seconds) in _by_stage(client.tasks(NIGHTLY, run_id)).items():
                if stage_state in ENDED - {"upstream_failed"} and stage not in told:
                    told.add(stage)
                    say(
                        f"  {time.perf_counter() - began:6.0f} s  {stage:<13} {stage_state} in {seconds:.0f} s"
                    )
            if state in ENDED:
                return state
            time.sleep(POLL_SECONDS)
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while True:
            state = client.run_state(NIGHTLY, run_id)
            stages = _by_stage(client.tasks(NIGHTLY, run_id))
            live.update(_progress(stages, logical_date, time.perf_counter() - began))
            if state in ENDED:
                return state
            time.sleep(POLL_SECONDS)


def _by_stage(tasks: list[TaskState]) -> dict[str, tuple[str, float]]:
    """State and seconds of each stage; the tasks of the warehouse group count as the stage `warehouse`."""
    stages: dict[str, tuple[str, float]] = {}
    for stage in nightly_names():
        mine = [task for task in tasks if task.task_id == stage or task.task_id.split(".")[0] == stage]
        states = {task.state for task in mine}
        if states & {"failed", "upstream_failed"}:
            state = "failed" if "failed" in states else "upstream_failed"
        elif mine and states <= {"success", "skipped"}:
            state = "success"
        elif states - {None, "scheduled"}:
            state = "running"
        else:
            state = ""
        stages[stage] = (state, max((task.seconds for task in mine), default=0.0))
    return stages


def _progress(stages: dict[str, tuple[str, float]], logical_date: date, elapsed: float) -> Table:
    table = Table(
        title=f"Night of {logical_date}, {elapsed:.0f} s", title_justify="left", show_header=False, box=None
    )
    marks = {"success": "[green]done[/]", "failed": "[red]failed[/]", "running": "[cyan]running[/]"}
    titles = {stage.name: stage.title for stage in nightly_stages()}
    for stage, (state, seconds) in stages.items():
        duration = f"{seconds:.0f} s" if state in ENDED else ""
        table.add_row(stage, marks.get(state, "[dim]waiting[/]"), duration, f"[dim]{titles[stage]}[/]")
    return table


def _why_it_failed(client: AirflowClient, run_id: str, logical_date: date) -> str:
    failed = [task for task in client.tasks(NIGHTLY, run_id) if task.state == "failed"]
    if not failed:
        return (
            f"The night of {logical_date} failed without a failed task; look at it in the web UI (`make up`)."
        )
    logs = {
        task: [line.strip() for line in client.log(NIGHTLY, run_id, task) if line.strip()] for task in failed
    }
    # A failed dbt test is red on its own task too; the task that built says why, and what to do.
    task = next((one for one in failed if any("HANDPICK:" in line for line in logs[one])), failed[0])
    lines = logs[task]
    telling = [line for line in lines if "HANDPICK:" in line]
    unexpected = [line for line in lines if line.startswith(UNEXPECTED)]
    if telling:
        reason = telling[-1].split("HANDPICK:", 1)[1].strip()
    elif unexpected:
        reason = f"Nobody expected this: {unexpected[-1].removeprefix(UNEXPECTED).strip()}"
    else:
        reason = "\n".join(lines[-8:])
    return (
        f"the night of {logical_date} stopped at {task.task_id}; the lists published before stay current.\n{reason}\n"
        f"Mend it and run again; finished stages keep their results. The whole log: `make up`, then {NIGHTLY} › {run_id}."
    )


def show_login(settings: Settings, out: Console) -> None:
    """Print the web UI's address and the admin's login."""
    from handpick.local_airflow.environment import USER, base_url, password

    out.print(
        f"Airflow: {base_url(settings)}   user: {USER}   password: {password(settings)}", soft_wrap=True
    )

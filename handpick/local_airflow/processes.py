"""Starts Airflow's four components, notices when one has ended, and stops them with all that they started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from handpick.errors import HandpickError
from handpick.local_airflow.database import migrate_database
from handpick.local_airflow.environment import (
    COMPONENT_VARIABLE,
    HOME_VARIABLE,
    build_airflow_environment,
    build_base_url,
)
from handpick.runtime.log import log_progress
from handpick.serving.embedded import find_embedded_log, is_embedded_alive, start_embedded
from handpick.settings.configuration_file import require_configuration_file
from handpick.settings.load import Settings

if TYPE_CHECKING:
    import psutil

ZOMBIE = "Z"
"""State in `/proc/<pid>/stat` of a process that has ended but was not reaped by its parent."""
API_SERVER = "api-server"
COMPONENTS = (API_SERVER, "scheduler", "dag-processor", "triggerer")
OPTIONS = {"scheduler": ("--skip-serve-logs",), "triggerer": ("--skip-serve-logs",)}
"""Options of components. Their log servers would listen on all interfaces, and the API server reads the log
files of this machine itself (`plugins/local_task_logs.py`)."""
START_WAVES = ((API_SERVER, "scheduler"), ("triggerer", "dag-processor"))
"""The components in the order of their start. Each keeps a core busy for seconds, so those that others wait
for go first."""
AWAITED_COMPONENTS = ("scheduler", "triggerer")
"""Components that must be healthy before Airflow counts as up. The DAG processor is none of them: a DAG's
first run waits for it in `AirflowClient.wait_for_dag`, and later runs find the DAG in the database."""
START_TIMEOUT_SECONDS = 120
STOP_TIMEOUT_SECONDS = 20
WRECK_TIMEOUT_SECONDS = 2
"""Time for the rest of an Airflow that has lost a component, most of which waits for it in vain."""
DATABASE_PROGRAM = "postgres"
"""Start of the names of the database's processes. It outlives Airflow, also where a task has started it."""


class ComponentEnded(HandpickError):
    """A component of the local Airflow, or its database, is not running any more."""


def _pid_file(settings: Settings, component: str) -> Path:
    """Return the file that holds a component's process id and start time."""
    return settings.path(settings.airflow.home) / f"{component}.pid"


def find_log_file(settings: Settings, component: str) -> Path:
    """Return the file that a component's output goes to."""
    return settings.path(settings.airflow.home) / "logs" / f"{component}.log"


def _started_at(pid: int) -> str | None:
    """Return the start time of a process as the kernel or `ps` writes it, or None if it has ended.

    A process id together with its start time is unique, so a process id that the system gave to another
    program since is not mistaken for ours. A zombie has a start time as well, but counts as ended.
    """
    try:
        # The second field is the program's name in parentheses, which may itself hold spaces and parentheses.
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if state == ZOMBIE else fields[18]
    except (OSError, IndexError, ValueError):  # no such process, or a system without /proc
        command = ["ps", "-o", "state=,lstart=", "-p", str(pid)]
        state, _, began = (
            subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip().partition(" ")
        )
        return None if state.startswith(ZOMBIE) else began.strip() or None


def find_running_components(settings: Settings) -> dict[str, int]:
    """Return the process ids of the components that were started here and are alive.

    Files of ended ones are removed.
    """
    alive = {}
    for component in COMPONENTS:
        file = _pid_file(settings, component)
        if not file.is_file():
            continue
        pid, started = file.read_text().split("\n", 1)
        if _started_at(int(pid)) == started:
            alive[component] = int(pid)
        else:
            file.unlink()
    return alive


def _accepts(port: int) -> bool:
    """Return whether a program listens on a port of this machine."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _check_port(port: int) -> None:
    """Raise a HandpickError if another program listens on a port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise HandpickError(
                f"Port {port} on 127.0.0.1 is already in use by another program; nothing was started. Stop "
                f"it, or choose another port: HANDPICK__AIRFLOW__PORT={port + 1} make run"
            ) from None


def start_airflow(settings: Settings) -> bool:
    """Start Airflow unless all of its components are running, and wait until it is healthy.

    Returns:
        Whether anything was started.

    Raises:
        HandpickError: If the port is taken, or a component ends or does not become healthy; names its log.
    """
    alive = find_running_components(settings)
    if len(alive) == len(COMPONENTS):
        start_embedded(
            settings
        )  # restarts the database if it has ended meanwhile; Airflow reconnects by itself
        return False
    if alive or find_processes(settings):
        stop_airflow(settings, WRECK_TIMEOUT_SECONDS)
    require_configuration_file()
    _check_port(settings.airflow.port)
    began = time.perf_counter()
    environment = build_airflow_environment(settings)
    log = find_log_file(settings, "migrate")
    log.parent.mkdir(parents=True, exist_ok=True)
    migrate_database(settings, environment, log)
    started: set[str] = set()
    for wave in START_WAVES:
        for component in wave:
            _spawn(settings, component, environment)
        started |= set(wave)
        _wait(settings, started, ())
    # The API server builds the part that tasks use at its first request, which takes seconds: do it while the
    # others load.
    import httpx  # here, as only the start needs it

    with suppress(httpx.HTTPError):
        httpx.get(f"{build_base_url(settings)}/execution/health", timeout=START_TIMEOUT_SECONDS)
    _wait(settings, started, AWAITED_COMPONENTS)
    log_progress(f"Airflow is up after {time.perf_counter() - began:.0f} s: {build_base_url(settings)}")
    return True


def _spawn(settings: Settings, component: str, environment: dict[str, str]) -> None:
    """Start a component in a process group of its own and note its process id and start time."""
    command = [sys.executable, "-m", "airflow", component, *OPTIONS.get(component, ())]
    with find_log_file(settings, component).open("ab") as output:
        process = subprocess.Popen(
            command,
            env={**environment, COMPONENT_VARIABLE: component},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=settings.path(settings.airflow.home),
        )
    _pid_file(settings, component).write_text(f"{process.pid}\n{_started_at(process.pid)}")


def _wait(settings: Settings, started: set[str], awaited: Iterable[str]) -> None:
    """Wait until the API answers and reports that some components are healthy.

    Args:
        settings: The settings.
        started: Components that should be alive.
        awaited: Components that should be healthy.

    Raises:
        HandpickError: If one has ended, or `START_TIMEOUT_SECONDS` have passed; names its log.
    """
    import httpx

    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    unhealthy = ["api server"]
    while time.monotonic() < deadline:
        dead = started - set(find_running_components(settings))
        if dead:
            component = sorted(dead)[0]
            stop_airflow(settings)
            raise HandpickError(
                f"Airflow's {component} ended while starting; see {find_log_file(settings, component)}"
            )
        try:
            health = httpx.get(f"{build_base_url(settings)}/api/v2/monitor/health", timeout=5).json()
            unhealthy = [part for part in awaited if (health.get(part) or {}).get("status") != "healthy"]
            if not unhealthy:
                return
        except (httpx.HTTPError, ValueError):
            pass
        time.sleep(0.1)
    stop_airflow(settings)
    raise HandpickError(
        f"Airflow did not become healthy in {START_TIMEOUT_SECONDS} s ({', '.join(unhealthy)}); "
        f"see {find_log_file(settings, 'scheduler').parent}"
    )


def check_airflow(settings: Settings) -> None:
    """Check that the database and all components are still running.

    Raises:
        ComponentEnded: If one is not; says which, where its log is and what to do next.
    """
    if not is_embedded_alive(settings):
        what, log = "database", find_embedded_log(settings)
    else:
        alive = find_running_components(settings)
        ended = [component for component in COMPONENTS if component not in alive]
        if not ended:
            return
        what, log = ended[0], find_log_file(settings, ended[0])
    raise ComponentEnded(
        f"Airflow's {what} ended or was killed while the night ran, so Airflow was stopped, and the night "
        f"with it. Log: {log}. Run the night again: Airflow starts anew, and stages that were done keep "
        "their results."
    )


def find_processes(settings: Settings) -> list[psutil.Process]:
    """Return all processes of the Airflow that was started here, also those whose component has ended.

    A component that is killed leaves its children behind, which get another parent. They are known by the
    environment that the component was started with, as every child inherits it.
    """
    import psutil

    home = str(settings.path(settings.airflow.home))
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ()
            if (
                environment.get(HOME_VARIABLE) == home
                and COMPONENT_VARIABLE in environment
                and process.pid != os.getpid()
                and not process.name().startswith(DATABASE_PROGRAM)
            ):
                found.append(process)
        except psutil.Error:  # it has ended meanwhile, or belongs to another user
            continue
    return found


def stop_airflow(settings: Settings, timeout_seconds: float = STOP_TIMEOUT_SECONDS) -> list[str]:
    """Stop the components that were started here and every process that they started.

    Args:
        settings: The settings.
        timeout_seconds: Time between SIGTERM and SIGKILL.

    Returns:
        Names of the components that were running, and in words what components had left that were not.
    """
    import psutil

    alive = find_running_components(settings)
    found = find_processes(settings)
    orphans = len(found) - len(_find_families(alive.values()) & {process.pid for process in found})
    for process in found:
        with suppress(psutil.Error):
            process.terminate()
    deadline = time.monotonic() + timeout_seconds
    while (left := find_processes(settings)) and time.monotonic() < deadline:
        # Once its socket is closed the API server has answered all requests, but its shutdown takes seconds
        # more.
        running = find_running_components(settings)
        if API_SERVER in running and not _accepts(settings.airflow.port):
            with suppress(ProcessLookupError):
                os.kill(running[API_SERVER], signal.SIGKILL)
        psutil.wait_procs(left, timeout=0.1)
    for process in left:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=STOP_TIMEOUT_SECONDS)
    for component in COMPONENTS:
        _pid_file(settings, component).unlink(missing_ok=True)
    kind = "process" if orphans == 1 else "processes"
    return [*alive, *([f"{orphans} {kind} that a killed component had left"] if orphans else [])]


def _find_families(pids: Iterable[int]) -> set[int]:
    """Return the ids of some processes and of all their descendants."""
    import psutil

    family = set()
    for pid in pids:
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            family |= {pid, *(child.pid for child in process.children(recursive=True))}
    return family

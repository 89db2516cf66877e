"""Kills what runs a night under Airflow: a task, the scheduler, the API server, the database."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.disturbed_nights import DAYS, Home, Reader, Tally, Undisturbed, check_message, check_night
from benchmarks.stage_server import Ended
from handpick.local_airflow.processes import find_processes, find_running_components
from handpick.pipeline.registry import list_nightly_names

KILLS = int(os.environ.get("KILLS", "100"))
SEED = int(os.environ.get("SEED", "1"))
LONGEST_S = 1_800
"""After this a night counts as one that waits without end."""
WAIT_FOR_TASK_S = 60
"""How long the next task may take to start."""
TASK_TITLE = re.compile(r"airflow worker -- [0-9a-f-]{36}")
"""What Airflow calls the process of a task; those that wait for one are called otherwise."""
VICTIMS = ("task", "scheduler", "api-server", "database")


def kill_under_airflow(plain: Undisturbed, folder: Path, tally: Tally) -> None:
    """Kill each victim at a random stage of a night; the run must end, and the next one finish the night."""
    draw = random.Random(SEED)
    for number in range(max(len(VICTIMS), KILLS * len(VICTIMS) // 50)):
        victim = VICTIMS[number % len(VICTIMS)]
        stage = draw.choice(list_nightly_names()[:-1])
        what = f"{victim} killed after {stage} under Airflow"
        print(f"  {what}", file=sys.stderr)
        home = Home(folder / str(number), plain.shop, f"[airflow]\nport = {_find_port()}\nretries = 0\n")
        home.bring(DAYS[0])
        reader = Reader(home, plain.contents)
        reader.start()
        try:
            with tally.fault():
                ended = _run_and_kill(home, stage, victim, draw.uniform(0, 2), tally, what)
                check_message(ended, home.read_pointer() is not None, what, tally)
                again = _run(home, "again")
                if again.status:
                    tally.note("reruns_failed", f"{what}: {again.output[-600:]}")
                check_message(again, False, f"{what}, again", tally)
                reader.finish(tally)
                check_night(home, plain, DAYS[0], what, tally)
                if not again.status and home.read_content() not in plain.contents:
                    tally.note("rows_lost", f"{what}: other lists are published")
                home.server.run("down")
                if left := find_processes(home.settings):
                    tally.note("processes_left", f"{what}: {left}")
        finally:
            tally.counts["reads"] += reader.reads
            home.server.run("down")
            home.close()


def _start(home: Home, name: str) -> tuple[subprocess.Popen[bytes], Path]:
    """Start `handpick run` in a process of its own."""
    log = home.folder / "logs" / f"run-{name}.log"
    command = [sys.executable, "-m", "handpick.cli.main", "run", "--date", str(DAYS[0])]
    environment = {**os.environ, "HANDPICK_CONFIG": str(home.file)}
    with log.open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=output, env=environment), log


def _run(home: Home, name: str) -> Ended:
    """Run `handpick run` to its end."""
    started = time.monotonic()
    process, log = _start(home, name)
    return _end(process, log, started)


def _end(process: subprocess.Popen[bytes], log: Path, started: float) -> Ended:
    """Wait for the end of a run; one that waits without end is ended, and has no last line."""
    try:
        status = process.wait(timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        process.terminate()
        status = process.wait()
        with log.open("a") as stream:
            stream.write("\nit waited without end\n")
    return Ended(status, time.monotonic() - started, log.read_text(errors="replace"))


def _run_and_kill(home: Home, stage: str, victim: str, after: float, tally: Tally, what: str) -> Ended:
    """Run a night, and kill the victim some seconds after a stage is done."""
    started = time.monotonic()
    process, log = _start(home, "first")
    done = home.folder / "var" / "lake" / "ledger" / f"logical_date={DAYS[0]}" / f"{stage}.json"
    while not done.is_file() and process.poll() is None:
        time.sleep(0.05)
    time.sleep(after)
    if not FINDERS[victim](home):
        tally.counts["victims_gone"] += 1
        print(f"  {what}: nothing to kill, the night was over", file=sys.stderr)
    return _end(process, log, started)


def _kill_component(name: str) -> Callable[[Home], bool]:
    """Return a function that kills a component of Airflow."""

    def kill(home: Home) -> bool:
        process = find_running_components(home.settings).get(name)
        return process is not None and _kill(process)

    return kill


def _kill_database(home: Home) -> bool:
    """Kill the embedded database's first process."""
    file = home.folder / "var" / "postgres" / "postmaster.pid"
    return file.is_file() and _kill(int(file.read_text().splitlines()[0]))


def _kill_task(home: Home) -> bool:
    """Kill the youngest process below the scheduler that runs a task."""
    scheduler = find_running_components(home.settings).get("scheduler")
    deadline = time.monotonic() + WAIT_FOR_TASK_S
    while scheduler is not None and time.monotonic() < deadline:
        with suppress(psutil.NoSuchProcess):
            tasks = [
                process
                for process in psutil.Process(scheduler).children(recursive=True)
                if TASK_TITLE.match(" ".join(process.cmdline()))
            ]
            if tasks:
                return _kill(max(tasks, key=lambda process: process.create_time()).pid)
        time.sleep(0.05)
    return False


def _kill(process: int) -> bool:
    """Kill a process; return whether it was there."""
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
        return True
    return False


def _find_port() -> int:
    """Return a port on loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


FINDERS: dict[str, Callable[[Home], bool]] = {
    "task": _kill_task,
    "scheduler": _kill_component("scheduler"),
    "api-server": _kill_component("api-server"),
    "database": _kill_database,
}
"""How each victim is killed; whether it was there."""

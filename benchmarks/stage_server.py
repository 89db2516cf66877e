"""Runs commands of Handpick in forked processes with all libraries loaded, and kills them on request.

`StageServer` starts `python -m benchmarks.stage_server`, which imports once what the stages need. Each
command is then a fork of it, in a session of its own, so that a test or benchmark can run and kill hundreds
of them without paying for the imports each time.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import multiprocessing.util
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

LIBRARIES = ("pyarrow.dataset", "pandas", "pydantic_settings", "openlineage.client", "typer", "rich.table")
NOT_BEFORE_FORKS = ("handpick.stages.feature_store.feast_loading",)
"""Preloads of Handpick's own; its code is imported by each command anew, as it would be by a new process."""


@dataclass(frozen=True)
class Ended:
    """A command that has ended.

    Args:
        status: Exit status; negative for the signal that ended it.
        seconds: Wall time.
        output: What it wrote to standard output and standard error.
    """

    status: int
    seconds: float
    output: str

    @property
    def was_killed(self) -> bool:
        """Whether it was killed before it ended by itself."""
        return self.status == -signal.SIGKILL


@dataclass(frozen=True)
class Running:
    """A command that is running: its process, which leads its own group, and the file of its output."""

    process: int
    log: Path


class StageServer:
    """The parent of the commands. Use it as a context; commands that still run at its end are killed.

    Args:
        logs: Folder for the output of the commands.
        environment: Of all commands, in addition to this process's.
    """

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self._logs, self._count = logs, 0
        logs.mkdir(parents=True, exist_ok=True)
        self._server = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.stage_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment},
            text=True,
            bufsize=1,
        )

    def __enter__(self) -> StageServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server.stdin is not None
        self._server.stdin.close()  # which ends it, and it kills what still runs
        self._server.wait(timeout=600)  # of a busy machine, too

    def start(self, *arguments: str, **environment: str) -> Running:
        """Start a command such as `"score", "--date", "2026-03-01"`."""
        self._count += 1
        log = self._logs / f"{self._count:04d}-{arguments[0]}.log"
        answer = self._ask("start", arguments=arguments, environment=environment, log=str(log))
        return Running(answer["process"], log)

    def wait(self, running: Running, kill_after: float | None = None, only_process: bool = False) -> Ended:
        """Wait until a command has ended.

        Args:
            running: The command.
            kill_after: Seconds from now after which it is killed with SIGKILL; None to let it end.
            only_process: Kill the command's process alone, and leave its children to end by themselves.
        """
        answer = self._ask("wait", process=running.process, kill_after=kill_after, only_process=only_process)
        return Ended(answer["status"], answer["seconds"], running.log.read_text(errors="replace"))

    def run(
        self,
        *arguments: str,
        kill_after: float | None = None,
        only_process: bool = False,
        **environment: str,
    ) -> Ended:
        """Start a command and wait for its end, or kill it."""
        return self.wait(self.start(*arguments, **environment), kill_after, only_process)

    def _ask(self, what: str, **values: Any) -> dict[str, Any]:
        """Send a request to the server process and return its answer."""
        assert self._server.stdin is not None and self._server.stdout is not None
        self._server.stdin.write(json.dumps({"what": what, **values}) + "\n")
        answer: dict[str, Any] = json.loads(self._server.stdout.readline())
        return answer


def main() -> None:
    """Serve requests from standard input until it ends; kill what still runs then."""
    requests, answers = sys.stdin, os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # prints of libraries must not mix with answers
    _preload()
    started: dict[int, float] = {}
    for line in requests:
        request = json.loads(line)
        if request["what"] == "start":
            process = _fork(request)
            started[process] = time.monotonic()
            answer: dict[str, Any] = {"process": process}
        else:
            process = request["process"]
            status = _await(process, request["kill_after"], request["only_process"])
            answer = {"status": status, "seconds": time.monotonic() - started.pop(process)}
        answers.write(json.dumps(answer) + "\n")
    for process in started:
        _kill(process, only_process=False)


def _preload() -> None:
    """Import the libraries of all stages; none of them may start a thread, which a fork would lose."""
    from handpick.pipeline.registry import list_nightly_stages
    from handpick.runtime.telemetry import disable_telemetry

    disable_telemetry()
    before = set(sys.modules)
    for library in (*LIBRARIES, *(name for stage in list_nightly_stages() for name in stage.preload)):
        if library not in NOT_BEFORE_FORKS:
            with contextlib.suppress(ImportError):
                importlib.import_module(library)
    for name in set(sys.modules) - before:
        if name.split(".")[0] in ("handpick", "models"):
            del sys.modules[name]


def _fork(request: dict[str, Any]) -> int:
    """Start a command in a process that leads a session of its own; return its number."""
    process = os.fork()
    if process:
        return process
    os.setsid()
    target = os.open(request["log"], os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.environ.update(request["environment"])
    status = 1
    try:
        from handpick.cli.main import main as run_command

        sys.argv = ["handpick", *request["arguments"]]
        run_command()
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # as Python itself would end
        traceback.print_exc()
    finally:
        # What `os._exit` leaves out of the end of a process: semaphores that are left make a warning.
        with contextlib.suppress(Exception):
            multiprocessing.util._exit_function()  # type: ignore[attr-defined]
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # never back into the server's loop


def _await(process: int, kill_after: float | None, only_process: bool) -> int:
    """Wait for a process, kill it after some seconds; return its status, negative for a signal."""
    limit = None if kill_after is None else time.monotonic() + kill_after
    while True:
        ended, status = os.waitpid(process, os.WNOHANG if limit is not None else 0)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if limit is not None and time.monotonic() >= limit:
            _kill(process, only_process)
            _, status = os.waitpid(process, 0)
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)


def _kill(process: int, only_process: bool) -> None:
    """Kill a command's process, or all processes of its group."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL) if only_process else os.killpg(process, signal.SIGKILL)


if __name__ == "__main__":
    main()

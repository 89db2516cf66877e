"""The worker process: values, output and errors reach the parent; it outlives neither work nor parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest

from handpick.errors import HandpickError, NightStopped
from handpick.runtime.worker_process import WorkerDied, run_in_worker_process

Inbox = SimpleQueue[Any]


def doubled(inbox: Inbox, numbers: np.ndarray) -> Iterator[np.ndarray]:
    """Yield twice the argument, then twice the message from the inbox."""
    print("printed on standard output")
    print("printed on standard error", file=sys.stderr)
    yield 2 * numbers
    yield 2 * inbox.get()


def stopped(inbox: Inbox) -> Iterator[int]:
    def stop() -> int:
        raise NightStopped("the phones are gone; nothing was published")

    yield stop()


def broken(inbox: Inbox) -> Iterator[None]:
    nothing: dict[str, None] = {}
    yield nothing["no such key"]


def killed(inbox: Inbox) -> Iterator[int]:
    yield os.getpid()
    os.kill(os.getpid(), signal.SIGKILL)


def endless(inbox: Inbox) -> Iterator[int]:
    yield os.getpid()
    time.sleep(600)


def is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text()


def is_gone_soon(pid: int) -> bool:
    until = time.monotonic() + 20
    while is_alive(pid) and time.monotonic() < until:
        time.sleep(0.05)
    return not is_alive(pid)


def test_arrays_are_sent_both_ways_and_its_output_appears_here(
    capfd: pytest.CaptureFixture[str],
) -> None:
    many = np.arange(1_000_000)
    with run_in_worker_process(doubled, many, purpose="double") as worker:
        assert np.array_equal(worker.receive(), 2 * many)
        worker.send(21)
        assert worker.receive() == 42
    printed = capfd.readouterr().err
    assert "printed on standard output" in printed and "printed on standard error" in printed


def test_its_error_is_raised_here(capfd: pytest.CaptureFixture[str]) -> None:
    with (
        pytest.raises(NightStopped, match="the phones are gone") as one,
        run_in_worker_process(stopped, purpose="stop") as worker,
    ):
        worker.receive()
    assert "\n" not in str(one.value) and not capfd.readouterr().err
    with (
        pytest.raises(KeyError, match="no such key") as two,
        run_in_worker_process(broken, purpose="break") as worker,
    ):
        worker.receive()
    assert "test_worker_process" in two.value.__notes__[0], "a bug shows where it was"


def test_one_that_was_killed_is_an_error_of_one_line() -> None:
    with (
        pytest.raises(WorkerDied, match="was to fall over ended by signal 9") as lost,
        run_in_worker_process(killed, purpose="fall over") as worker,
    ):
        pid = worker.receive()
        worker.receive()
    assert isinstance(lost.value, HandpickError) and "\n" not in str(lost.value)
    assert not is_alive(pid)


def test_it_is_killed_when_the_block_is_left() -> None:
    with pytest.raises(ZeroDivisionError), run_in_worker_process(endless, purpose="wait") as worker:
        pid = worker.receive()
        raise ZeroDivisionError
    assert not is_alive(pid)


SCRIPT = """
import time
from handpick.runtime.worker_process import run_in_worker_process
from tests.runtime.test_worker_process import endless
with run_in_worker_process(endless, purpose="wait") as worker:
    print(worker.receive(), flush=True)
    time.sleep(600)
"""


def test_it_ends_when_this_process_is_killed() -> None:
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, env=environment, cwd=root
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    assert is_gone_soon(pid)

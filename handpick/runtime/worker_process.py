"""A worker process: one generator function in a second Python process, so that two cores work at once.

The worker ends with this process, whatever ends it. Its output appears here, and its exceptions are raised
here.

Not `multiprocessing`: its spawned child reruns the caller's main module, which in an Airflow task is
Airflow's own; and a killed parent leaves its children running. Here the child reads its inbox from a pipe,
which the system closes when the parent ends for whatever reason, and ends itself then.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import IO, Any

from handpick.errors import HandpickError
from handpick.runtime.log import log_progress

LENGTH_HEAD = struct.Struct("<Q")
"""Head of every message: the number of bytes of pickle that follow."""
THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Environment variables from which numerical libraries take their number of threads when they are loaded."""
YIELDED, FAILED, DONE = range(3)
"""Kinds of messages of the worker: a yielded value, the exception that ended it, the end of its pipe."""


class WorkerDied(HandpickError):
    """The worker process ended before its function did."""


class WorkerProcess:
    """A running worker process, as its starter sees it.

    Args:
        process: The process, with pipes for its input, output and errors.
        what: Its work in words, for the error that is raised if it dies.
    """

    def __init__(self, process: subprocess.Popen[bytes], what: str) -> None:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        self._process, self._what, self._inbox = process, what, process.stdin
        self._answers: SimpleQueue[tuple[int, Any]] = SimpleQueue()
        # Both pipes are emptied all the time: a worker that writes into a full pipe would wait for ever.
        self._threads = [
            threading.Thread(target=work, args=(pipe,), daemon=True)
            for work, pipe in ((self._receive_answers, process.stdout), (_repeat_lines, process.stderr))
        ]
        for thread in self._threads:
            thread.start()

    def send(self, message: Any) -> None:
        """Put a message into the worker's inbox; nothing happens if the worker has ended."""
        with suppress(BrokenPipeError):
            _send(self._inbox, message)

    def receive(self) -> Any:
        """Wait for the next value that the function yields, and return it.

        Raises:
            WorkerDied: If the process ended before.
            Exception: Whatever the function raised.
        """
        kind, content = self._answers.get()
        if kind == YIELDED:
            return content
        # Put back, so that a further call raises the same instead of waiting for ever.
        self._answers.put((kind, content))
        if kind == FAILED:
            raise content
        code = self._process.wait()
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        raise WorkerDied(
            f"The worker process that was to {self._what} ended {how}; its results were discarded. Run the "
            "stage again; if memory was short, give the machine more."
        )

    def _receive_answers(self, pipe: IO[bytes]) -> None:
        """Queue the worker's messages until its pipe ends, which it does however the process ends."""
        while (answer := _receive(pipe)) is not None:
            self._answers.put(answer)
        self._answers.put((DONE, None))

    def _end(self) -> None:
        """Kill the process, and leave no zombie, thread or open pipe."""
        self._process.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with suppress(BrokenPipeError):  # closing flushes what the process did not read any more
                pipe.close()  # type: ignore[union-attr]


@contextmanager
def run_in_worker_process(
    function: Callable[..., Iterator[Any]], *arguments: Any, purpose: str, threads: int = 1
) -> Iterator[WorkerProcess]:
    """Run a generator function in a worker process, which is killed at the end of the block.

    Args:
        function: A function of a module that can be imported, as it is pickled by name. Its first argument is
            its inbox, a queue of the messages that it is sent.
        arguments: Its other arguments; they are pickled.
        purpose: Its work in words, to follow "was to" in the error if the process dies.
        threads: Threads that numerical libraries may use in the worker.

    Yields:
        The worker; its `receive` returns what the function yields.
    """
    # The child must find the same modules, also those of folders that Airflow or pytest have put on the path.
    paths = os.pathsep.join(path for path in sys.path if path)
    limits = dict.fromkeys(THREAD_SETTINGS, str(threads))
    process = subprocess.Popen(
        [sys.executable, "-m", "handpick.runtime.worker_process"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, **limits, "PYTHONPATH": paths},
    )  # fmt: skip
    worker = WorkerProcess(process, purpose)
    try:
        worker.send((function, arguments))
        yield worker
    finally:
        worker._end()


def _repeat_lines(pipe: IO[bytes]) -> None:
    """Print the worker's standard error here, line by line, as it comes."""
    for line in pipe:
        log_progress(line.decode(errors="replace").rstrip("\n"))


def _send(pipe: IO[bytes], message: Any) -> None:
    """Write a message: its length and its pickle."""
    content = pickle.dumps(message, protocol=5)
    pipe.write(LENGTH_HEAD.pack(len(content)))
    pipe.write(content)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    """Read the next message; None if the pipe has ended, also in the middle of a message."""
    head = pipe.read(LENGTH_HEAD.size)
    if len(head) < LENGTH_HEAD.size:
        return None
    (count,) = LENGTH_HEAD.unpack(head)
    content = pipe.read(count)
    return pickle.loads(content) if len(content) == count else None  # noqa: S301 - the bytes are of our own worker process


def main() -> None:
    """Run as the worker process: receive a function, run it and send what it yields."""
    # Ctrl-C reaches both processes; the parent handles it and kills this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Messages go to a copy of standard output, and prints of libraries to standard error, so that they cannot
    # mix.
    inbox_pipe, answer_pipe = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    work = _receive(inbox_pipe)
    if work is None:
        return
    inbox: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_fill_inbox, args=(inbox_pipe, inbox), daemon=True).start()
    function, arguments = work
    try:
        for content in function(inbox, *arguments):
            _send(answer_pipe, (YIELDED, content))
    except Exception as error:  # whatever it is, the parent raises it
        _send(answer_pipe, (FAILED, _make_picklable(error)))
    sys.stderr.flush()
    # An orderly end needs the lock of standard input, which the reading thread holds.
    os._exit(0)


def _fill_inbox(pipe: IO[bytes], inbox: SimpleQueue[Any]) -> None:
    """Put the parent's messages into the inbox; exit when the pipe ends, as the parent then has."""
    while (message := _receive(pipe)) is not None:
        inbox.put(message)
    os._exit(1)


def _make_picklable(error: Exception) -> Exception:
    """Return an error that can be pickled.

    A bug's traceback goes along as a note, as pickle drops tracebacks.
    """
    trace = "".join(traceback.format_exception(error))
    error.__cause__ = error.__context__ = None
    if not isinstance(error, HandpickError):
        error.add_note(trace)
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - the bytes are of our own worker process
    except Exception:  # an error class may fail here in any way, such as by arguments of its __init__
        error = RuntimeError(f"{type(error).__name__}: {error}")
        error.add_note(trace)
    return error


if __name__ == "__main__":
    main()

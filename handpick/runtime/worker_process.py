"""A second process at work beside this one: one function in a fresh Python, so that both cores have something to do.

The other process ends with this one, whatever ends it; what it says is said here, and what stops it is raised here.
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
from handpick.runtime.log import say

LENGTH = struct.Struct("<Q")
"""Begins every message: how many bytes of pickle follow."""
THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
GIVEN, FAILED, DONE = range(3)


class Lost(HandpickError):
    """The other process ended before it had done its work."""


class Beside:
    """The other process.

    Args:
        what: Its work in words, for the error that says that it is lost.
    """

    def __init__(self, process: subprocess.Popen[bytes], what: str) -> None:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        self._process, self._what, self._ears = process, what, process.stdin
        self._answers: SimpleQueue[tuple[int, Any]] = SimpleQueue()
        self._threads = [
            threading.Thread(target=work, args=(pipe,), daemon=True)
            for work, pipe in ((self._listen, process.stdout), (_repeat, process.stderr))
        ]
        for thread in self._threads:
            thread.start()

    def tell(self, message: Any) -> None:
        """Put a message into its inbox; one that has ended needs none."""
        with suppress(BrokenPipeError):
            _send(self._ears, message)

    def next(self) -> Any:
        """What it hands over next, as soon as it does.

        Raises:
            Lost: If it ended before.
            Exception: What its function raised.
        """
        kind, content = self._answers.get()
        if kind == GIVEN:
            return content
        self._answers.put((kind, content))
        if kind == FAILED:
            raise content
        code = self._process.wait()
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        raise Lost(
            f"The process beside this one that was to {self._what} ended {how}; nothing that it made was kept. Run the "
            "stage again; if memory was short, give the machine more."
        )

    def _listen(self, mouth: IO[bytes]) -> None:
        while (answer := _receive(mouth)) is not None:
            self._answers.put(answer)
        self._answers.put((DONE, None))

    def _end(self) -> None:
        """Leave nothing behind."""
        self._process.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            with suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]


@contextmanager
def beside(
    function: Callable[..., Iterator[Any]], *arguments: Any, what: str, threads: int = 1
) -> Iterator[Beside]:
    """Run a generator function in another process; what it yields is handed over by `next`.

    Args:
        function: Of a module, not of a script; its first argument is its inbox, a queue of what is told to it.
        arguments: All others; they are pickled.
        what: Its work in words.
        threads: Of numerical libraries that the other process may use.
    """
    paths = os.pathsep.join(path for path in sys.path if path)
    limits = dict.fromkeys(THREAD_SETTINGS, str(threads))
    process = subprocess.Popen(
        [sys.executable, "-m", "handpick.runtime.worker_process"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, **limits, "PYTHONPATH": paths},
    )  # fmt: skip
    other = Beside(process, what)
    try:
        other.tell((function, arguments))
        yield other
    finally:
        other._end()


def _repeat(pipe: IO[bytes]) -> None:
    """Say what the other process says."""
    for line in pipe:
        say(line.decode(errors="replace").rstrip("\n"))


def _send(pipe: IO[bytes], message: Any) -> None:
    content = pickle.dumps(message, protocol=5)
    pipe.write(LENGTH.pack(len(content)))
    pipe.write(content)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    """The next message, None where the pipe has ended."""
    head = pipe.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (count,) = LENGTH.unpack(head)
    content = pipe.read(count)
    return pickle.loads(content) if len(content) == count else None


def main() -> None:
    """The other process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both; the one before it ends this one
    ears, mouth = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print is no answer
    work = _receive(ears)
    if work is None:
        return
    inbox: SimpleQueue[Any] = SimpleQueue()
    threading.Thread(target=_hear, args=(ears, inbox), daemon=True).start()
    function, arguments = work
    try:
        for content in function(inbox, *arguments):
            _send(mouth, (GIVEN, content))
    except Exception as error:  # whatever it is, it is raised where it is waited for
        _send(mouth, (FAILED, _portable(error)))
    sys.stderr.flush()
    os._exit(0)  # an orderly end would wait for the thread that listens


def _hear(ears: IO[bytes], inbox: SimpleQueue[Any]) -> None:
    """Fill the inbox; without the process that fills it there is no work."""
    while (message := _receive(ears)) is not None:
        inbox.put(message)
    os._exit(1)


def _portable(error: Exception) -> Exception:
    """The error as it can travel, with its traceback as a note."""
    told = "".join(traceback.format_exception(error))
    error.__cause__ = error.__context__ = None
    if not isinstance(error, HandpickError):
        error.add_note(told)
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # an error of any library may not bear pickling
        error = RuntimeError(f"{type(error).__name__}: {error}")
        error.add_note(told)
    return error


if __name__ == "__main__":
    main()

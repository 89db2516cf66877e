"""A helper of tests that kills the next process that this one starts."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def next_child_killed() -> Iterator[None]:
    """Kill the first process that this thread starts inside the block, as soon as it exists."""
    children = Path(f"/proc/{os.getpid()}/task/{threading.get_native_id()}/children")
    before = set(children.read_text().split())

    def kill() -> None:
        while not (new := set(children.read_text().split()) - before):
            time.sleep(0.01)
        os.kill(int(new.pop()), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    yield
    killer.join()

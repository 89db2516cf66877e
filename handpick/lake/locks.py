"""Locks of the lake: one process at a time writes a table or runs a night, and the others hear who it is.

The operating system holds the locks (`flock`), so that it releases them however their holder ends.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from handpick.errors import Busy
from handpick.runtime.log import log_progress

LOCK_FOLDER = ".locks"
"""Folder of the lock files, below the lake's root."""
SECONDS_BETWEEN_NOTICES = 60.0


@contextmanager
def hold_lock(root: Path, name: str, purpose: str, timeout_s: float) -> Iterator[None]:
    """Hold a lock of the lake inside the block; it may be taken again by the process that holds it.

    A process that waits says for whom, at once and then every minute.

    Args:
        root: The lake's root.
        name: What is locked: a table, or a night.
        purpose: What it is locked for, as others who wait will read it.
        timeout_s: Seconds to wait.

    Raises:
        Busy: If another process still holds the lock then; says which one, and since when.
    """
    file = root / LOCK_FOLDER / f"{name.replace('/', '__')}.lock"
    file.parent.mkdir(parents=True, exist_ok=True)

    # One object a file and process, which counts how often it was taken: a night holds its lock while its
    # stages take it. `setdefault` is atomic, so that threads share it, too.
    lock = _locks.setdefault(file, _SignedLock(file))
    lock.purpose = purpose
    _acquire(lock, file, purpose, timeout_s)
    try:
        yield
    finally:
        lock.file_lock.release()


class _SignedLock:
    """A lock whose file says who holds it, and what for."""

    def __init__(self, file: Path) -> None:
        self.purpose = ""
        self.file_lock = FileLock(file, thread_local=False, fallback_to_soft=False, on_acquired=self._sign)

    def _sign(self, descriptor: int) -> None:
        """Write who holds the lock into its file."""
        holder = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat(sep=" ", timespec="seconds"),
            "purpose": self.purpose,
        }
        # The lock holds without its inscription, which a full disk may prevent.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(holder).encode(), 0)


_locks: dict[Path, _SignedLock] = {}
"""The locks that this process has used, by file."""


def _acquire(lock: _SignedLock, file: Path, purpose: str, timeout_s: float) -> None:
    """Wait for a lock, and log for whom.

    Raises:
        Busy: If the time is up.
    """
    deadline = time.monotonic() + timeout_s
    patience = 0.0
    while True:
        try:
            lock.file_lock.acquire(timeout=patience)
        except Timeout:
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise Busy(
                    f"{purpose}: {_describe_holder(file)}. This process has waited for {timeout_s:.0f} s and "
                    "has changed nothing; run it again when the other is done, or allow more time with "
                    "lake.lock_timeout_s."
                ) from None
            log_progress(f"  {purpose} waits: {_describe_holder(file)}")
            patience = min(SECONDS_BETWEEN_NOTICES, remaining)
        else:
            return


def _describe_holder(file: Path) -> str:
    """Return who holds a lock, as a sentence without its full stop."""
    try:
        holder = json.loads(file.read_text())
        return (
            f"process {holder['pid']} on {holder['host']} is busy with {holder['purpose']} since "
            f"{holder['since']}"
        )
    except (OSError, ValueError, KeyError):  # it has taken the lock, but not signed yet
        return f"another process holds {file}"


def find_holders(root: Path, prefix: str) -> list[str]:
    """Return who holds locks of the lake now, a sentence each without its full stop.

    Args:
        root: The lake's root.
        prefix: First part of the locks' names, such as `night-`.
    """
    held = []
    for file in sorted((root / LOCK_FOLDER).glob(f"{prefix}*.lock")):
        with suppress(OSError, ValueError, KeyError):
            holder = json.loads(file.read_text())
            # Released locks keep their inscription. Only those of living processes are tried, as a try takes
            # the lock for an instant; a process of another host cannot be looked for.
            if holder["host"] == socket.gethostname() and not _is_alive(int(holder["pid"])):
                continue
            probe = FileLock(file, fallback_to_soft=False)
            try:
                probe.acquire(timeout=0)
                probe.release()
            except Timeout:
                held.append(_describe_holder(file))
    return held


def _is_alive(pid: int) -> bool:
    """Return whether a process exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True

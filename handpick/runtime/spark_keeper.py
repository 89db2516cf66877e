"""The process that holds the Spark JVM which the stages of a night share, each from a process of its own.

It starts the JVM as PySpark does (py4j on 127.0.0.1, with a secret) and tells port and secret to those who
have the key of its socket, which is in a file that only its owner can read. Each stage keeps its connection
open as long as it works, so the keeper knows from the operating system when one was killed. Then, when it is
told to, or when nobody has come for `IDLE_SECONDS`, it kills the JVM and ends. If the keeper is killed, the
JVM ends by itself, as its standard input ends.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

IDLE_SECONDS = 600.0
"""How long the keeper waits for the night's next stage that needs Spark; others may run in between."""
JOINED, LEFT, OVER = "joined", "left", "over"
"""What a connection tells the keeper's main thread: a stage has begun, has ended, and that all is over."""


def main() -> None:
    """Start the JVM with the options on standard input, and keep it as long as it is needed."""
    request = json.load(sys.stdin)
    file = Path(request["address_file"])
    gateway = _start_jvm(request["options"])
    parameters = gateway.gateway_parameters
    session = {"port": parameters.port, "secret": parameters.auth_token, "is_short": request["is_short"]}
    key = secrets.token_bytes(32)
    events: SimpleQueue[str] = SimpleQueue()
    # A socket in a new folder of the system's temporary folder that only its owner can enter.
    with Listener(family="AF_UNIX", authkey=key) as listener:
        address = {"address": listener.address, "key": key.hex(), "pid": os.getpid()}
        _write_privately(file, json.dumps(address))
        threading.Thread(target=_accept, args=(listener, session, events), daemon=True).start()
        threading.Thread(target=lambda: events.put((gateway.proc.wait(), OVER)[1]), daemon=True).start()
        _wait_until_over(events)
        with suppress(OSError, ValueError):
            # Another keeper may have taken its place.
            if json.loads(file.read_text())["pid"] == os.getpid():
                file.unlink()
        # At once, as a job of a stage that was killed must not write any more.
        gateway.proc.kill()
        gateway.proc.wait()


def _start_jvm(options: dict[str, str]) -> Any:
    """Start a JVM with a Spark context, and return PySpark's gateway to it."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder
    for key, value in options.items():
        builder = builder.config(key, value)
    return builder.getOrCreate().sparkContext._gateway


def _write_privately(file: Path, text: str) -> None:
    """Write a file that only its owner can read; it appears when it is complete."""
    draft = file.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
        stream.write(text)
    draft.replace(file)


def _accept(listener: Listener, session: dict[str, Any], events: SimpleQueue[str]) -> None:
    """Answer every stage that connects, in a thread of its own."""
    while True:
        # Whoever has not the key is turned away, and one that was killed while it connected is gone.
        with suppress(Exception):
            connection = listener.accept()
            events.put(JOINED)
            threading.Thread(target=_attend, args=(connection, session, events), daemon=True).start()


def _attend(connection: Connection[Any, Any], session: dict[str, Any], events: SimpleQueue[str]) -> None:
    """Tell a stage the session, and wait until it leaves."""
    try:
        connection.send(session)
        events.put(OVER if connection.recv() == OVER else LEFT)
    except (EOFError, OSError):  # its process has ended without a word
        events.put(OVER)


def _wait_until_over(events: SimpleQueue[str]) -> None:
    """Return when the session is over, or when no stage has been there for `IDLE_SECONDS`."""
    stages = 0
    while True:
        try:
            event = events.get(timeout=None if stages else IDLE_SECONDS)
        except Empty:
            return
        if event == OVER:
            return
        stages += 1 if event == JOINED else -1


if __name__ == "__main__":
    main()
    # The JVM is gone; what PySpark would do at exit needs it.
    os._exit(0)

"""One Spark JVM for the stages of a night that run in processes of their own, as Airflow's tasks do.

The first stage that needs Spark starts a keeper (`handpick.runtime.spark_keeper`) with the JVM; later ones
find it by a file and join it. Each has a Spark session of its own in the one Spark context.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from handpick.errors import HandpickError
from handpick.runtime.spark_keeper import LEFT, OVER

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

START_SECONDS = 120.0
"""How long a JVM may take to start."""
PORT_VARIABLE, SECRET_VARIABLE = "PYSPARK_GATEWAY_PORT", "PYSPARK_GATEWAY_SECRET"
"""Tell PySpark to join a JVM instead of starting one."""


@dataclass
class SharedSpark:
    """The session that a stage shares with the other stages of its night.

    Args:
        folder: Folder of the files by which they find each other, and of the JVM's log.
        night: Name of the night.
    """

    folder: Path
    night: str
    _connection: Connection[Any, Any] | None = field(default=None, init=False)
    _session: SparkSession | None = field(default=None, init=False)

    @property
    def address_file(self) -> Path:
        """The file that says how to reach the keeper."""
        return self.folder / f"{self.night}.json"

    @property
    def log(self) -> Path:
        """What the keeper and the JVM print."""
        return self.folder / "spark.log"

    def open_session(
        self, options: Mapping[str, str], session_options: Mapping[str, str], is_short: bool
    ) -> SparkSession:
        """Join the night's JVM, or start it, and return this stage's session in it.

        Args:
            options: Options of the Spark context and of the session.
            session_options: Options of the session that win over those.
            is_short: Whether the JVM may be one for short work.

        Raises:
            HandpickError: If the JVM does not start; names the log.
        """
        from filelock import FileLock
        from pyspark import SparkContext
        from pyspark.sql import SparkSession

        if self._session is not None:
            return self._session
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / f".{self.night}.lock", fallback_to_soft=False):
            found = self._join()
            if found is not None and found["is_short"] and not is_short:
                # It would run long work many times slower than a new one takes to start.
                self.leave(is_over=True)
                found = None
            if found is None:
                self._start_keeper(options, is_short)
                found = self._join()
        if found is None:
            raise HandpickError(f"Spark's JVM ended as soon as it had started. Log: {self.log}")
        os.environ |= {PORT_VARIABLE: str(found["port"]), SECRET_VARIABLE: found["secret"]}
        try:
            SparkContext._ensure_initialized()
        finally:
            del os.environ[PORT_VARIABLE], os.environ[SECRET_VARIABLE]  # not for processes that it starts
        jvm: Any = SparkContext._jvm
        context = jvm.org.apache.spark.SparkContext.getOrCreate()
        joined = SparkContext(jsc=jvm.JavaSparkContext(context), conf=_wrap_conf(context.getConf()))
        session = jvm.org.apache.spark.sql.classic.SparkSession.getDefaultSession().get().newSession()
        self._session = SparkSession(joined, session, {**options, **session_options})
        return self._session

    def leave(self, is_over: bool) -> None:
        """Leave the JVM, and end it if no other stage of the night needs it."""
        if self._connection is not None:
            with suppress(OSError):
                self._connection.send(OVER if is_over else LEFT)
                if is_over:
                    self._connection.poll(START_SECONDS)  # until the keeper has ended
            self._connection.close()
            self._connection = None

    def _join(self) -> dict[str, Any] | None:
        """Connect to the keeper and return what it says, or None where there is none."""
        try:
            address = json.loads(self.address_file.read_text())
            connection = Client(address["address"], authkey=bytes.fromhex(address["key"]))
            found: dict[str, Any] = connection.recv()
        except (OSError, ValueError, EOFError, AuthenticationError):
            return None
        self._connection = connection
        return found

    def _start_keeper(self, options: Mapping[str, str], is_short: bool) -> None:
        """Start a keeper and wait until it can be reached."""
        self.address_file.unlink(missing_ok=True)
        request = {"options": dict(options), "address_file": str(self.address_file), "is_short": is_short}
        paths = os.pathsep.join(path for path in sys.path if path)
        with self.log.open("ab") as output:
            keeper = subprocess.Popen(
                [sys.executable, "-m", "handpick.runtime.spark_keeper"],
                stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
                env={**os.environ, "PYTHONPATH": paths},
            )  # fmt: skip
        assert keeper.stdin is not None
        keeper.stdin.write(json.dumps(request).encode())
        keeper.stdin.close()
        deadline = time.monotonic() + START_SECONDS
        while not self.address_file.is_file():
            if keeper.poll() is not None or time.monotonic() > deadline:
                keeper.kill()
                raise HandpickError(f"Spark's JVM did not start. Log: {self.log}")
            time.sleep(0.05)


_shared: SharedSpark | None = None
"""What the running stage shares; None where its process has a JVM of its own."""


def get_shared_spark() -> SharedSpark | None:
    """Return the session that the running stage shares with others, or None outside `share_spark`."""
    return _shared


@contextmanager
def share_spark(folder: Path, night: str, is_last: bool) -> Iterator[None]:
    """Let a stage that runs in the block share a Spark JVM with the other stages of its night.

    No JVM is started before one is needed. It ends with the block if that fails or is the last one to need
    Spark; a process that is killed inside the block takes the JVM with it.

    Args:
        folder: Folder of the files by which the stages find each other.
        night: Name of the night.
        is_last: Whether no later stage of the night needs Spark.
    """
    global _shared  # noqa: PLW0603
    _shared = SharedSpark(folder, night)
    is_over = True
    try:
        yield
        is_over = is_last
    finally:
        _shared.leave(is_over)
        _shared = None


def _wrap_conf(conf: Any) -> Any:
    """Return PySpark's view of a JVM's configuration."""
    from pyspark import SparkConf

    return SparkConf(_jconf=conf)

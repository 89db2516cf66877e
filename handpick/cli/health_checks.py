"""What `handpick doctor` looks at: whether this machine and this installation can run a night."""

from __future__ import annotations

import os
import re
import shutil
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from handpick.contracts import CONTRACTS
from handpick.errors import HandpickError
from handpick.night import LEDGER_FOLDER, Night, list_nights
from handpick.settings.configuration_file import find_configuration_file
from handpick.settings.load import Settings

MIB = 1024 * 1024
LEAST_FREE_MIB = 500
"""Free space below which not even a small night ends well."""
NIGHTS_AHEAD = 7
"""For so many nights like the newest one there should be space."""
LEAST_JAVA = 17
LEAST_POSTGRES = 14


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True)
class Check:
    """What one check found.

    Args:
        name: What was looked at.
        state: How it is.
        said: What was found, in a sentence.
        next_step: What to do about it; empty where nothing is to be done.
    """

    name: str
    state: State
    said: str
    next_step: str = ""


def check_health(settings: Settings) -> Iterator[Check]:
    """Yield the results of all checks; one that fails unexpectedly is a bad result and ends no other."""
    for name, check in CHECKS:
        try:
            yield check(settings, name)
        except (HandpickError, OSError) as error:
            yield Check(name, State.BAD, str(error))


def check_settings(settings: Settings, name: str) -> Check:  # noqa: ARG001
    """Check that there is a settings file; it has been read by now."""
    file = find_configuration_file()
    if file.is_file():
        return Check(name, State.OK, f"{file.resolve()} can be read.")
    return Check(
        name,
        State.WARN,
        f"There is no {file.name} here or above, so every setting has its default.",
        "Change to the shop's folder, or make a file with `handpick init`.",
    )


def check_versions(settings: Settings, name: str) -> Check:  # noqa: ARG001
    """Check that every library is there in a version that Handpick supports."""
    from handpick.runtime.installed import describe_version, find_wrong_packages

    if wrong := find_wrong_packages():
        return Check(name, State.BAD, f"{'; '.join(wrong)}.", "Run `scripts/install.sh` again.")
    return Check(name, State.OK, f"{describe_version()}, and its libraries are the supported ones.")


def check_java(settings: Settings, name: str) -> Check:
    """Check Java where a stage runs on Spark, and only there."""
    from handpick.runtime.spark_stages import list_spark_stages

    stages = list_spark_stages(settings)
    if not stages:
        return Check(name, State.OK, "Not needed: no stage runs on Spark.")
    users = f"{', '.join(stages)} run on Spark"
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home) / "bin") if home else None)
    step = f"Install a JRE of Java {LEAST_JAVA} or newer, or set transform.engine to duckdb."
    if java is None:
        return Check(name, State.BAD, f"{users}, and there is no java.", step)
    done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=60)
    found = re.search(r'version "(\d+)', done.stderr + done.stdout)
    if found is None or int(found[1]) < LEAST_JAVA:
        return Check(name, State.BAD, f"{users}, and {java} is Java {found[1] if found else '?'}.", step)
    return Check(name, State.OK, f"{users}; {java} is Java {found[1]}.")


def check_disk(settings: Settings, name: str) -> Check:
    """Check that there is space for some nights like the newest one."""
    root = _find_existing(settings.path(settings.lake.root))
    free = shutil.disk_usage(root).free // MIB
    nights = list_nights(settings)
    size = _measure_night(settings) if nights else 0
    said = f"{free:,} MiB are free in {root}" + (f"; the newest night has {size:,} MiB." if nights else ".")
    if free < max(LEAST_FREE_MIB, size):
        return Check(name, State.BAD, said, "Free space, or move lake.root to a larger disk.")
    if free < size * NIGHTS_AHEAD:
        step = f"That is less than {NIGHTS_AHEAD} nights: free space soon."
        return Check(name, State.WARN, said, step)
    return Check(name, State.OK, said)


def _measure_night(settings: Settings) -> int:
    """Return the size of the newest night's partitions, in MiB."""
    day = list_nights(settings)[-1]
    lake = Night(settings, day).lake
    folders = [lake.partition(table, day) for table in (*lake.list_tables(), LEDGER_FOLDER)]
    files = (file for folder in folders for file in folder.rglob("*") if file.is_file())
    return sum(file.stat().st_size for file in files) // MIB


def check_port(settings: Settings, name: str) -> Check:
    """Check that the web UI's port is free, or held by this Airflow."""
    from handpick.local_airflow.processes import find_running_components

    port = settings.airflow.port
    if find_running_components(settings):
        return Check(name, State.OK, f"The Airflow of this shop runs, on port {port}.")
    with socket.socket() as probe:
        probe.settimeout(2)
        is_taken = probe.connect_ex(("127.0.0.1", port)) == 0
    if is_taken:
        return Check(
            name,
            State.BAD,
            f"Port {port} on 127.0.0.1 is used by another program.",
            "Stop it, or set airflow.port.",
        )
    return Check(name, State.OK, f"Port {port} on 127.0.0.1 is free for Airflow.")


def check_rights(settings: Settings, name: str) -> Check:
    """Check that folders can be read and written, and that customers' data are closed to other users."""
    written = [settings.lake.root, settings.airflow.home, settings.warehouse.path, settings.features.path]
    for folder in (_find_existing(settings.path(path)) for path in written):
        if not os.access(folder, os.W_OK | os.X_OK):
            step = "Give this user the right, or run Handpick as the folder's owner."
            return Check(name, State.BAD, f"{folder} cannot be written by this user.", step)
    landing = settings.path(settings.lake.landing)
    for folder in [landing, *(landing / source for source in CONTRACTS)]:
        if folder.exists() and not os.access(folder, os.R_OK | os.X_OK):
            step = "Give this user the right to read it."
            return Check(name, State.BAD, f"{folder} cannot be read by this user.", step)
    root = settings.path(settings.lake.root)
    if root.exists() and stat.S_IMODE(root.stat().st_mode) & 0o077:
        return Check(
            name,
            State.WARN,
            f"Other users of this machine may look into {root}.",
            "The next stage closes it; or `chmod 700` it now.",
        )
    return Check(name, State.OK, "Folders can be written, and are closed to other users.")


def check_database(settings: Settings, name: str) -> Check:
    """Check that the serving database answers, is new enough, and has the consumers' role.

    An embedded server that does not run is not started.
    """
    from handpick.serving.connection import connect
    from handpick.serving.embedded import is_embedded_alive

    serving = settings.serving
    if serving.dsn is None and not is_embedded_alive(settings):
        exists = (settings.path(serving.embedded_path) / "PG_VERSION").is_file()
        return Check(
            name,
            State.OK,
            "The embedded PostgreSQL does not run; it starts when it is needed."
            if exists
            else "The embedded PostgreSQL is made by the first publish.",
        )
    where = "The server of serving.dsn" if serving.dsn is not None else "The embedded PostgreSQL"
    with connect(settings) as connection:
        version = connection.info.server_version // 10_000
        row = connection.execute(
            "select to_regnamespace(%s) is not null, to_regrole(%s) is not null",
            [serving.schema_name, serving.reader_role],
        ).fetchone()
    has_schema, has_role = row or (False, False)
    if version < LEAST_POSTGRES:
        step = f"PostgreSQL {LEAST_POSTGRES} or newer is needed."
        return Check(name, State.BAD, f"{where} is version {version}.", step)
    said = f"{where} answers, version {version}"
    if has_schema and not has_role:
        step = "Run `handpick publish` of the newest night again, as a role that may create roles."
        return Check(name, State.WARN, f"{said}; the role {serving.reader_role} is missing.", step)
    return Check(name, State.OK, f"{said}." if has_schema else f"{said}; nothing is published yet.")


def _find_existing(path: Path) -> Path:
    """Return a path, or the nearest folder above it that exists."""
    return next(one for one in (path, *path.parents) if one.is_dir())


CHECKS: tuple[tuple[str, Callable[[Settings, str], Check]], ...] = (
    ("settings", check_settings),
    ("versions", check_versions),
    ("Java", check_java),
    ("disk", check_disk),
    ("port", check_port),
    ("rights", check_rights),
    ("database", check_database),
)
"""The checks by name, in the order in which they are shown."""

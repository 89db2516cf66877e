"""Finds and removes damaged files of Feast: registry and local online store, both made from the lake."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from handpick.settings.load import Settings


def find_damaged_files(settings: Settings) -> dict[Path, str]:
    """Return the files of the feature store that cannot be read, and why.

    SQLite keeps no checksums: a changed value in a sound file is not found.
    """
    folder = settings.path(settings.features.path)
    checks = {folder / "registry.db": _find_registry_damage}
    if settings.features.online_store == "sqlite":
        checks[folder / "online.db"] = _find_sqlite_damage
    problems = {file: check(file) for file, check in checks.items() if file.is_file()}
    return {file: f"{file} cannot be read ({problem})" for file, problem in problems.items() if problem}


def remove_damaged_files(settings: Settings) -> list[str]:
    """Remove the files that cannot be read; return what was wrong with them."""
    damaged = find_damaged_files(settings)
    for file in damaged:
        for each in (file, *(file.with_name(file.name + end) for end in ("-wal", "-shm", "-journal"))):
            each.unlink(missing_ok=True)
    return list(damaged.values())


def _find_registry_damage(file: Path) -> str | None:
    """Return why Feast cannot read a registry, or None."""
    from feast.protos.feast.core.Registry_pb2 import Registry
    from google.protobuf.message import DecodeError

    try:
        Registry().ParseFromString(file.read_bytes())
    except DecodeError as error:
        return " ".join(str(error).split())[:200]
    return None


def _find_sqlite_damage(file: Path) -> str | None:
    """Return what is wrong with the structure of a SQLite file, or None."""
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
            (found,) = connection.execute("pragma quick_check(1)").fetchone()
    except sqlite3.OperationalError:  # in use, or not ours to read: no damage
        return None
    except sqlite3.DatabaseError as error:
        return str(error)
    return None if found == "ok" else " ".join(str(found).split())[:200]

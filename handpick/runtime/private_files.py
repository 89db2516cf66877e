"""Keeps what Handpick writes to its own user: customers' data are no other user's of the machine."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from handpick.settings.load import Settings

PRIVATE_UMASK = 0o077
"""New files get 0600, new folders 0700."""
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def restrict_new_files() -> None:
    """Make everything that this process and its children create readable by this user only."""
    os.umask(os.umask(PRIVATE_UMASK) | PRIVATE_UMASK)


def make_private_folder(folder: Path) -> None:
    """Create a folder and those above it, 0700 each; existing ones stay as they are."""
    for each in reversed((folder, *folder.parents)):
        with suppress(FileExistsError):
            each.mkdir(mode=0o700)


def tighten_folders(settings: Settings) -> None:
    """Close what earlier versions left open to other users: the folders and files that Handpick alone writes.

    Landing files stay as their owner has made them: whoever delivers them may be another user. Closing a
    folder closes all that is in it.
    """
    for path in _list_own_paths(settings):
        with suppress(OSError):  # missing, or of another user
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & _OTHERS:
                path.chmod(mode & ~_OTHERS)


def _list_own_paths(settings: Settings) -> Iterator[Path]:
    """Yield the folders and files that only Handpick writes."""
    yield settings.path(settings.lake.root)
    yield settings.path(settings.lake.truth)
    yield settings.path(settings.airflow.home)
    yield settings.path(settings.features.path)
    yield settings.path(settings.lineage.file)
    warehouse = settings.path(settings.warehouse.path)
    yield from (warehouse, warehouse.with_suffix(".lock"), warehouse.with_suffix(".spark"))

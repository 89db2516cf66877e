"""Puts a finished folder in the place of another one, so that a kill leaves the old one or the new one."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
import uuid
from pathlib import Path

STAGING_PREFIX, OLD_PREFIX = ".tmp-", ".old-"
"""Starts of the names of folders that are being written, and of folders that are being replaced."""
AT_FDCWD, RENAME_EXCHANGE = -100, 2
"""Linux: paths are relative to the current directory; both names are swapped (renameat2(2))."""
RENAME_SWAP = 2
"""macOS: both names are swapped (renamex_np(2))."""
CANNOT_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}
"""Errors of a system or file system that cannot swap two names."""


def name_staging(target: Path) -> Path:
    """Return a name beside the target that no other writer uses."""
    return target.with_name(f"{STAGING_PREFIX}{target.name}-{os.getpid()}-{uuid.uuid4().hex[:8]}")


def replace_folder(staging: Path, target: Path) -> None:
    """Put a finished folder in the place of the target, which may exist; what it replaces is removed.

    Where the system can swap two names at once, a reader finds the old folder or the new one at any moment.
    Elsewhere the old one has another name for an instant, from which `recover_folder` brings it back.

    Args:
        staging: The finished folder, beside the target.
        target: The name that it gets.
    """
    if not target.exists():
        staging.replace(target)
    elif exchange_names(staging, target):
        shutil.rmtree(staging, ignore_errors=True)
    else:
        old = target.with_name(f"{OLD_PREFIX}{target.name}")
        shutil.rmtree(old, ignore_errors=True)
        target.replace(old)
        try:
            staging.replace(target)
        except BaseException:
            old.replace(target)
            raise
        shutil.rmtree(old, ignore_errors=True)


def recover_folder(target: Path) -> None:
    """Bring back or remove what a killed writer of a folder has left; its lock must be held."""
    old = target.with_name(f"{OLD_PREFIX}{target.name}")
    if old.is_dir():
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)
        else:
            old.replace(target)
    for left in target.parent.glob(f"{STAGING_PREFIX}{target.name}*"):
        shutil.rmtree(left, ignore_errors=True)


def exchange_names(one: Path, other: Path) -> bool:
    """Swap the names of two folders in one step; return False where the system cannot."""
    names = os.fsencode(one), os.fsencode(other)
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        call, arguments = getattr(library, "renamex_np", None), (*names, RENAME_SWAP)
    else:
        call = getattr(library, "renameat2", None)
        arguments = (AT_FDCWD, names[0], AT_FDCWD, names[1], RENAME_EXCHANGE)
    if call is None:
        return False
    sys.audit("handpick.exchange_names", str(one), str(other))
    if call(*arguments) == 0:
        return True
    number = ctypes.get_errno()
    if number in CANNOT_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), str(other))

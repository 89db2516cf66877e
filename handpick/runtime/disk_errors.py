"""Reports a full or read-only disk as an error of one line instead of a traceback."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from handpick.errors import HandpickError

DISK_FULL_ERRORS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    # The error beyond `ulimit -f`, which batch schedulers set.
    errno.EFBIG: "a file may not grow any further",
}
"""Meanings of the system's error numbers for a full disk."""
NO_ACCESS_ERRORS = {
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "this user has no right to it",
    errno.EPERM: "the system does not allow it",
}
"""Meanings of the system's error numbers for a disk or file that may not be used."""


class DiskFull(HandpickError):
    """A file could not be written completely; the file that it was to replace is unchanged."""


class NoAccess(HandpickError):
    """A file or folder may not be read or written by the user of this process."""


@contextmanager
def report_disk_errors(
    content: str, command: str, effect: str = "the earlier data is unchanged"
) -> Iterator[None]:
    """Turn an OSError about a full or read-only disk inside the block into one line; other errors pass.

    Args:
        content: What the block does, as the subject of the message.
        command: The command that does it again.
        effect: What has happened to what was there before, as a clause.

    Raises:
        DiskFull: If the disk or the quota was full, or a file grew beyond its limit.
        NoAccess: If a file or folder may not be read or written.
    """
    try:
        yield
    except OSError as error:
        # Errors of a stream, such as a pipe to another program, name no file.
        where = f" ({error.filename})" if error.filename else ""
        if error.errno in DISK_FULL_ERRORS:
            raise DiskFull(
                f"{DISK_FULL_ERRORS[error.errno]}: {content} could not be written{where}. No partial file is "
                f"left, and {effect}. Free some space, then run `{command}`."
            ) from None
        if error.errno in NO_ACCESS_ERRORS:
            raise NoAccess(
                f"{content} stopped at {error.filename or 'a file'}: {NO_ACCESS_ERRORS[error.errno]}. No "
                f"partial file is left, and {effect}. Let the user who runs Handpick read and write there, "
                f"then run `{command}`."
            ) from None
        raise

"""Reports a full disk as an error of one line instead of a traceback."""

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


class DiskFull(HandpickError):
    """A file could not be written completely; the file that it was to replace is unchanged."""


@contextmanager
def report_disk_full(content: str, command: str) -> Iterator[None]:
    """Turn an OSError about a full disk inside the block into an error of one line; other errors pass.

    Args:
        content: What the block writes, as the subject of the message.
        command: The command that writes it again.

    Raises:
        DiskFull: If the disk or the quota was full, or a file grew beyond its limit.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in DISK_FULL_ERRORS:
            raise
        # Errors of a stream, such as a pipe to another program, name no file.
        where = f" ({error.filename})" if error.filename else ""
        raise DiskFull(
            f"{DISK_FULL_ERRORS[error.errno]}: {content} could not be written{where}. No partial file is "
            f"left, and the earlier data is unchanged. Free some space, then run `{command}`."
        ) from None

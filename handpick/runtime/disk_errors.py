"""Turns errors about the disk, such as a full or read-only one, into errors of one line."""

from __future__ import annotations

import errno
import os
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
MEANINGS = {**DISK_FULL_ERRORS, **NO_ACCESS_ERRORS}
LIBRARY_TEXTS = {
    **{os.strerror(number): meaning for number, meaning in MEANINGS.items() if number != errno.EPERM},
    "database or disk is full": DISK_FULL_ERRORS[errno.ENOSPC],
    "attempt to write a readonly database": NO_ACCESS_ERRORS[errno.EROFS],
}
"""What libraries with error classes of their own (DuckDB, SQLite, Spark, Arrow) say, and what it means."""
REMEDIES = {
    **dict.fromkeys(DISK_FULL_ERRORS.values(), "Free some space"),
    **dict.fromkeys(NO_ACCESS_ERRORS.values(), "Let the user who runs Handpick read and write there"),
}


class DiskFull(HandpickError):
    """A file could not be written completely; the file that it was to replace is unchanged."""


class NoAccess(HandpickError):
    """A file or folder may not be read or written by the user of this process."""


@contextmanager
def report_disk_errors(
    content: str, command: str, effect: str = "the earlier data is unchanged"
) -> Iterator[None]:
    """Turn an error about a full or read-only disk inside the block into one line; other errors pass.

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
    except HandpickError:
        raise
    except Exception as error:
        found = find_disk_error(error)
        if found is None:
            raise
        meaning, file = found
        where = f" ({file})" if file else ""
        message = (
            f"{meaning}: {content} could not be finished{where}. No partial file is left, and {effect}. "
            f"{REMEDIES[meaning]}, then run `{command}`."
        )
        raise (DiskFull if meaning in DISK_FULL_ERRORS.values() else NoAccess)(message) from None


def find_disk_error(error: BaseException) -> tuple[str, str] | None:
    """Return the meaning of the error about the disk among an exception and its causes, and its file.

    Returns:
        The file is empty where it is not known: errors of a stream, such as a pipe to another program, and
        those of other libraries name none. None if no such error is among them.
    """
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        if isinstance(cause, OSError) and cause.errno in MEANINGS:
            return MEANINGS[cause.errno], str(cause.filename or "")
        text = str(cause)
        meaning = next((meaning for words, meaning in LIBRARY_TEXTS.items() if words in text), None)
        if meaning is not None:
            return meaning, ""
        cause = cause.__cause__ or cause.__context__
    return None

"""A full disk told in one line."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from handpick.errors import HandpickError

FULL = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "a file may not grow",
}


class NoRoom(HandpickError):
    """A file could not be written whole; what it was to replace is still there."""


@contextmanager
def room_for(what: str, again: str) -> Iterator[None]:
    """Turn the system's word that there is no room into ours.

    Args:
        what: What is being written.
        again: The command that does it again.

    Raises:
        NoRoom: If there was none.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        where = f" ({error.filename})" if error.filename else ""
        raise NoRoom(
            f"{FULL[error.errno]}: {what} could not be written{where}. Nothing half-written is left, and what was there "
            f"before stays. Make room, then run `{again}`."
        ) from None

"""Lets processes see another wall clock than the machine's, by a small library that they load first."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

SOURCE = Path(__file__).with_suffix(".c")


class ShiftedClock:
    """A wall clock that can be moved while processes look at it.

    Args:
        folder: Made for the library and the file that holds the difference; the processes must be able to
            read it.
    """

    def __init__(self, folder: Path) -> None:
        self._file, self._library = folder / "seconds", folder / "shifted_clock.so"
        self._seconds = 0
        folder.mkdir(parents=True)
        self._write()
        compiler = shutil.which("cc")
        if compiler is not None:
            command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(self._library), str(SOURCE), "-ldl"]
            subprocess.run(command, check=True)

    @property
    def is_available(self) -> bool:
        """Whether there was a C compiler to build the library."""
        return self._library.is_file()

    @property
    def environment(self) -> dict[str, str]:
        """The variable by which a process and its children see this clock."""
        return {"LD_PRELOAD": str(self._library)}

    def move(self, by: timedelta) -> None:
        """Move the clock, for running processes, too."""
        self._seconds += round(by.total_seconds())
        self._write()

    def move_to(self, moment: datetime) -> None:
        """Set the clock to a moment, from which it goes on."""
        self._seconds = round((moment - datetime.now(UTC)).total_seconds())
        self._write()

    def _write(self) -> None:
        """Write the difference in place: processes have mapped the file."""
        file = os.open(self._file, os.O_CREAT | os.O_WRONLY, 0o644)
        try:
            os.pwrite(file, struct.pack("=q", self._seconds), 0)
        finally:
            os.close(file)

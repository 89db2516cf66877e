"""Demo shops of a rung for the benchmarks, made once and kept in the system's temporary folder, and lakes over them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

KEPT = Path(tempfile.gettempdir()) / "handpick-benchmarks"
LAST_DAY = date(2026, 3, 1)


def shop(rung: str) -> Path:
    """The folder of a rung's shop without media, made if it is not there; its last day is `LAST_DAY`."""
    folder = KEPT / rung
    if not (folder / "whole").exists():
        shutil.rmtree(folder, ignore_errors=True)
        command = [
            sys.executable,
            "-m",
            "handpick.cli.main",
            "demo",
            "--rung",
            rung,
            "--no-media",
            "--out",
            str(folder),
        ]
        subprocess.run(command, check=True, capture_output=True)
        (folder / "whole").touch()
    return folder


@contextmanager
def settings(rung: str, **sections: Any) -> Iterator[Any]:
    """Settings over a fresh lake beside the rung's shop."""
    from handpick.settings.load import load

    made = shop(rung)
    home = Path(tempfile.mkdtemp(prefix=f"handpick-{rung}-"))
    lake = {"root": home / "lake", "landing": made / "landing", "media": made / "landing" / "media"}
    try:
        yield load(home=home, lake={**lake, "truth": made / "truth"}, **sections)
    finally:
        shutil.rmtree(home, ignore_errors=True)

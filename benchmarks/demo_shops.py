"""Provides demo shops, generated once per rung in the user's cache folder, with fresh lakes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from handpick.runtime.private_files import make_private_folder

LAST_DAY = date(2026, 3, 1)


def get_kept_folder() -> Path:
    """Return the folder of what benchmarks keep for the next ones: of this user alone, made if missing.

    What stands in a folder of all users under a known name may be another user's.
    """
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "handpick" / "benchmarks"
    make_private_folder(folder)
    return folder


def make_shop(rung: str) -> Path:
    """Return the folder of a rung's shop without media, generated if it is missing.

    Its last day is `LAST_DAY`.
    """
    folder = get_kept_folder() / rung
    # The marker is written last: a folder without it is left from an interrupted run.
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
def use_settings(file: Path) -> Iterator[None]:
    """Use a settings file for a while, as commands do."""
    before = os.environ.get("HANDPICK_CONFIG")
    os.environ["HANDPICK_CONFIG"] = str(file)
    try:
        yield
    finally:
        os.environ.pop("HANDPICK_CONFIG") if before is None else os.environ.update(HANDPICK_CONFIG=before)


@contextmanager
def shop_settings(rung: str, **sections: Any) -> Iterator[Any]:
    """Yield settings with a fresh, temporary lake that reads the rung's shop."""
    from handpick.settings.load import load

    made = make_shop(rung)
    home = Path(tempfile.mkdtemp(prefix=f"handpick-{rung}-"))
    lake = {"root": home / "lake", "landing": made / "landing", "media": made / "landing" / "media"}
    try:
        yield load(home=home, lake={**lake, "truth": made / "truth"}, **sections)
    finally:
        shutil.rmtree(home, ignore_errors=True)

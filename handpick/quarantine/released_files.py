"""Location and names of the files of released rows, which the night that they were released into lands.

Quarantine writes these files and the land stage reads them, so both take the location and the names from
here.
"""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

from handpick.lake.partitions import Lake

RELEASED_PREFIX = "released/"
"""Prefix of a released file's name in `_source_file`, which distinguishes it from landing files."""


def get_released_folder(lake: Lake, source: str = "") -> Path:
    """Return the folder of the released rows of a source, or the one above all sources."""
    return lake.root / "released" / source


def name_released_file(logical_date: date, body: str) -> str:
    """Name a file of released rows by its night and content, so that a repeated release replaces it."""
    digest = hashlib.sha256(body.encode()).hexdigest()[:12]
    return f"{logical_date.isoformat()}-{digest}.jsonl"

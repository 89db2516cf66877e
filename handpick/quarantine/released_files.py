"""Where released rows wait for their night: the folder, the names of the files, and the prefix of their origin.

Quarantine writes these files and the land stage reads them, so both take the location and the names from
here.
"""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

from handpick.lake.partitions import Lake

RELEASED_PREFIX = "released/"
"""Prefix of a released file's name in `_source_file`, which tells it apart from the landing files of its source."""


def get_released_folder(lake: Lake, source: str = "") -> Path:
    """Return the folder of the released rows of a source, or the one above all sources."""
    return lake.root / "released" / source


def name_released_file(logical_date: date, body: str) -> str:
    """Name a file of released rows after its night and its content, so that a repeated release replaces it."""
    digest = hashlib.sha256(body.encode()).hexdigest()[:12]
    return f"{logical_date.isoformat()}-{digest}.jsonl"

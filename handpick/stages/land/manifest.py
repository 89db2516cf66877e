"""The manifest of a landed partition: the files that its rows came from, and their unknown columns.

The manifest decides which files later nights skip, and in which order validation reads the parts.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from handpick.errors import DamagedData
from handpick.lake.checksums import digest_file
from handpick.lake.partitions import PARTITION_PREFIX

MANIFEST = "_manifest.json"
"""Name of the manifest in its partition; the underscore hides it from readers of Parquet."""


def build_manifest_entry(name: str, path: Path | None) -> dict[str, Any]:
    """Describe a landed file by name, size in bytes and SHA-256; a query has no path and no digest."""
    if path is None:
        return {"name": name, "bytes": 0, "sha256": ""}
    return {"name": name, "bytes": path.stat().st_size, "sha256": digest_file(path)}


def write_manifest(folder: Path, files: Sequence[dict[str, Any]], unknown_columns: Sequence[str]) -> None:
    """Write the manifest of a partition.

    Args:
        folder: The folder of the partition.
        files: Entries of `build_manifest_entry`, in the order of the part files.
        unknown_columns: Columns that the contract does not know, sorted.
    """
    manifest = {"files": list(files), "unknown_columns": list(unknown_columns)}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True))


def read_manifest_files(partition: Path) -> list[dict[str, Any]]:
    """Return the entries of a partition's files; entry number n describes `part-<n>.parquet`.

    Raises:
        DamagedData: If the manifest is not what was written.
    """
    file = partition / MANIFEST
    try:
        entries: list[dict[str, Any]] = json.loads(file.read_text())["files"]
        return [{**entry, "name": str(entry["name"]), "sha256": str(entry["sha256"])} for entry in entries]
    except (OSError, ValueError, KeyError, TypeError):
        day = partition.name.removeprefix(PARTITION_PREFIX)
        raise DamagedData(
            f"{file} is damaged: it does not list the files that {day} has landed, so nobody knows which are "
            f"left for other nights. Nothing was read from it; `handpick verify --date {day} --repair` tries "
            "to write it again."
        ) from None

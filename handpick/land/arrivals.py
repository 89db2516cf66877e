"""Which files belong to a night: dated at or before it, and not landed by an earlier one."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from handpick.errors import InputError
from handpick.land import MANIFEST
from handpick.night import Night

DATED = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)")
SUFFIXES = {".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet"}


@dataclass(frozen=True)
class Arrival:
    """One file, or one SQL query, with the name that quarantine and ledger show."""

    name: str
    path: Path | None


def arrivals(night: Night, source: str) -> list[Arrival]:
    """The files of a source for this night, oldest first; running the night again finds the same ones.

    Raises:
        InputError: If there are none, and the source is not optional; says where it looked.
    """
    settings = night.settings.sources.of(source)
    if settings.url is not None:
        return [Arrival(f"sql:{source}", None)]
    folder = (
        night.settings.path(Path(settings.path))
        if settings.path
        else night.settings.path(night.settings.lake.landing) / source
    )
    earlier = _taken_before(night, source)
    found = [
        Arrival(path.name if path == folder else path.relative_to(folder).as_posix(), path)
        for path in ([folder] if folder.is_file() else sorted(folder.rglob("*")))
        if path.is_file() and path.suffix.lower() in SUFFIXES and not path.name.startswith((".", "_"))
    ]
    mine = [
        arrival
        for arrival in found
        if _day(arrival.name) <= night.logical_date and arrival.name not in earlier
    ]
    mine.sort(key=lambda arrival: (_day(arrival.name), arrival.name))
    if not mine and not settings.is_optional:
        newest = max((_day(arrival.name) for arrival in found), default=None)
        known = (
            f"{len(found)} files lie there, all landed before or dated later (newest {newest})"
            if found
            else "nothing lies there"
        )
        raise InputError(
            f"no landing file of {source} for {night.logical_date}: looked in {folder}, {known}. The lists published "
            f"before stay current; bring the file, or set sources.{source}.is_optional = true."
        )
    return mine


def taken_entry(arrival: Arrival) -> dict[str, Any]:
    """What the manifest keeps of a file: name, size and SHA-256."""
    if arrival.path is None:
        return {"name": arrival.name, "bytes": 0, "sha256": ""}
    with arrival.path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"name": arrival.name, "bytes": arrival.path.stat().st_size, "sha256": digest}


def _taken_before(night: Night, source: str) -> set[str]:
    """Names of the files that earlier nights landed."""
    names: set[str] = set()
    for day in night.lake.dates(f"raw/{source}"):
        if day < night.logical_date:
            manifest = night.lake.partition(f"raw/{source}", day) / MANIFEST
            names |= {entry["name"] for entry in json.loads(manifest.read_text())["files"] if entry["bytes"]}
    return names


def _day(name: str) -> date:
    """The last date in a file's name; files without one belong to any night."""
    for text in reversed(DATED.findall(name)):
        try:
            return date.fromisoformat(text)
        except ValueError:
            continue
    return date.min

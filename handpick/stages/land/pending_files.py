"""Which files belong to a night: dated at or before it, and not landed by an earlier one."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from handpick.errors import InputError
from handpick.night import Night
from handpick.settings.load import Settings
from handpick.settings.sources import SourceSettings
from handpick.stages.land import MANIFEST
from handpick.stages.land.remote import RemoteFile, RemoteFolder, is_remote

DATED = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2})(?!\d)")
RELEASED = "released/"
SUFFIXES = {".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet"}


@dataclass(frozen=True)
class Arrival:
    """One file, or one SQL query, with the name that quarantine and ledger show.

    Args:
        name: Relative to its source's folder.
        path: The file, or None for a query.
        is_released: The rows were mended in quarantine, and have the contract's columns and values already.
        remote: Where the file comes from, if it lies on another machine; it is brought to `path` when it is its turn.
    """

    name: str
    path: Path | None
    is_released: bool = False
    remote: RemoteFile | None = None


def arrivals(night: Night, source: str) -> list[Arrival]:
    """The files of a source for this night, oldest first; running the night again finds the same ones.

    Raises:
        InputError: If there are none, and the source is not optional; says where it looked.
    """
    settings = night.settings.sources.of(source)
    if settings.url is not None:
        return [Arrival(f"sql:{source}", None)]
    remote = _remote_folder(settings, source)
    folder = source_folder(night.settings, source)
    if settings.path and not remote and not folder.exists():
        raise InputError(
            f"{source}: there is no {folder} (sources.{source}.path); the lists published before stay current."
        )
    earlier = _taken_by_others(night, source)
    lying = _lying(remote, folder, brought_folder(night, source))
    found = [*lying, *_files(released_folder(night, source), RELEASED)]
    mine = [
        arrival
        for arrival in found
        if _day(arrival.name) <= night.logical_date and arrival.name not in earlier
    ]
    mine.sort(key=lambda arrival: (_day(arrival.name), arrival.name))
    is_first = not [day for day in night.lake.dates(f"raw/{source}") if day < night.logical_date]
    is_needed = settings.needed == "every_night" or (settings.needed == "first_night" and is_first)
    if is_needed and not [arrival for arrival in mine if not arrival.is_released]:
        raise InputError(_nothing(night, source, remote or folder, found))
    for arrival in mine:
        if remote and arrival.remote and arrival.path:
            remote.bring(arrival.remote.path, arrival.path)
    return mine


def _remote_folder(settings: SourceSettings, source: str) -> RemoteFolder | None:
    return RemoteFolder(settings.path, f"sources.{source}.path") if is_remote(settings.path) else None


def source_folder(settings: Settings, source: str) -> Path:
    """Where a source's files arrive on this machine: its configured path, or its folder below landing."""
    path = settings.sources.of(source).path
    return settings.path(Path(path)) if path else settings.path(settings.lake.landing) / source


def newest_day(settings: Settings, source: str) -> date | None:
    """The newest day that a source's files are of: the date in the name, else the day (UTC) on which the file came."""
    remote = _remote_folder(settings.sources.of(source), source)
    lying = _lying(remote, source_folder(settings, source), Path())
    days = [_day(arrival.name) if _day(arrival.name) > date.min else _came_on(arrival) for arrival in lying]
    return max(days, default=None)


def _came_on(arrival: Arrival) -> date:
    if arrival.remote:
        return arrival.remote.came_on or date.min
    assert arrival.path is not None
    return datetime.fromtimestamp(arrival.path.stat().st_mtime, UTC).date()


def brought_folder(night: Night, source: str = "") -> Path:
    """Where files of other machines lie while they are landed."""
    return night.lake.root / "brought" / source


def released_folder(night: Night, source: str) -> Path:
    """Where rows that were mended in quarantine wait for their night."""
    return night.lake.root / "released" / source


def _files(folder: Path, prefix: str = "") -> list[Arrival]:
    """The files below a folder that can hold rows, or the folder itself if it is a file."""
    return [
        Arrival(
            prefix + (path.name if path == folder else path.relative_to(folder).as_posix()),
            path,
            bool(prefix),
        )
        for path in ([folder] if folder.is_file() else sorted(folder.rglob("*")))
        if path.is_file() and _can_hold_rows(path)
    ]


def _lying(remote: RemoteFolder | None, folder: Path, brought: Path) -> list[Arrival]:
    """A source's files that can hold rows, on the other machine if it has one, else here."""
    if remote is None:
        return _files(folder)
    return [
        Arrival(file.name, brought / file.name, remote=file)
        for file in remote.files()
        if _can_hold_rows(PurePosixPath(file.name))
    ]


def _can_hold_rows(path: PurePath) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith((".", "_"))


def _nothing(night: Night, source: str, place: RemoteFolder | Path, found: list[Arrival]) -> str:
    """What a person needs to know when a needed source brought nothing."""
    newest = max((_day(arrival.name) for arrival in found), default=date.min)
    if isinstance(place, Path) and not place.exists():
        known = "that folder does not exist"
    elif not found:
        known = f"no file there ends in {', '.join(sorted(SUFFIXES))}"
    else:
        dated = f", newest {newest}" if newest > date.min else ""
        known = f"{len(found)} files lie there, all landed before or dated later{dated}"
    return (
        f"no landing file of {source} for {night.logical_date}: looked in {place if isinstance(place, Path) else place.url}, {known}. Nothing was landed, and the "
        f'lists published before stay current; bring the file, or set sources.{source}.needed = "first_night".'
    )


def taken_entry(arrival: Arrival) -> dict[str, Any]:
    """What the manifest keeps of a file: name, size and SHA-256."""
    if arrival.path is None:
        return {"name": arrival.name, "bytes": 0, "sha256": ""}
    with arrival.path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return {"name": arrival.name, "bytes": arrival.path.stat().st_size, "sha256": digest}


def _taken_by_others(night: Night, source: str) -> set[str]:
    """Names of the files that earlier nights landed, and later ones too once this night has run.

    So a night that is run again takes what it took, and not what has come since.
    """
    has_run = night.lake.has(f"raw/{source}", night.logical_date)
    names: set[str] = set()
    for day in night.lake.dates(f"raw/{source}"):
        if day < night.logical_date or (has_run and day > night.logical_date):
            manifest = night.lake.partition(f"raw/{source}", day) / MANIFEST
            names |= {entry["name"] for entry in json.loads(manifest.read_text())["files"] if entry["sha256"]}
    return names


def _day(name: str) -> date:
    """The last date in a file's name; files without one belong to any night."""
    for text in reversed(DATED.findall(name)):
        try:
            return date.fromisoformat(text)
        except ValueError:
            continue
    return date.min

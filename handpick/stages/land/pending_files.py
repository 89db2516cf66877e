"""Selects the pending files of a night: dated at or before it, and not landed by an earlier night."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

from handpick.errors import InputError
from handpick.night import Night
from handpick.quarantine.released_files import RELEASED_PREFIX, get_released_folder
from handpick.settings.load import Settings
from handpick.settings.sources import SourceSettings
from handpick.stages.land.compression import COMPRESSED_SUFFIXES, strip_compression
from handpick.stages.land.manifest import MANIFEST, build_manifest_entry, read_manifest_files
from handpick.stages.land.remote_files import RemoteFile, RemoteFolder, is_remote_url
from handpick.stages.land.spreadsheets import SPREADSHEETS

DATE_IN_NAME = re.compile(
    r"(?<!\d)(?:(\d{4})-(\d{2})-(\d{2})|(20\d{2})([_.]?)(\d{2})\5(\d{2}))(?=\D|$|\d{4}(?:\d{2})?(?!\d))"
)
"""A day in a file's name: `2026-01-10`, `20260110`, `2026_01_10`, also with a time, `20260110063000`."""
READABLE_SUFFIXES = {".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet"} | SPREADSHEETS
"""Endings of files that can hold rows; all others in a landing folder are ignored."""

MAX_LINKS = 40
"""As many links in a row as the system itself follows."""
DEMO_MARK = ".demo-shop"
"""Name of the empty file in the landing folder of a demo shop."""


@dataclass(frozen=True)
class PendingFile:
    """A file, or a SQL query, that a night lands.

    Args:
        name: Path relative to the folder of its source, as quarantine and ledger show it.
        path: The file on this machine, or None for a query.
        is_released: Whether the rows were released from quarantine, and so have the contract's columns
            already.
        remote: The remote file that is downloaded to `path` before landing, or None for a local one.
        is_changed: Whether an earlier night landed a file of this name with other content.
    """

    name: str
    path: Path | None
    is_released: bool = False
    remote: RemoteFile | None = None
    is_changed: bool = False


def list_pending_files(night: Night, source: str) -> list[PendingFile]:
    """Return the pending files of a source for a night, oldest first, and download remote ones.

    Running the night again returns the same files.

    Raises:
        InputError: If a needed source has none; the message says which folder was searched.
    """
    settings = night.settings.sources.of(source)
    if settings.url is not None or settings.format == "sql":
        return [PendingFile(f"sql:{source}", None)]
    remote = _open_remote(settings, source)
    folder = get_source_folder(night.settings, source)
    if settings.path and not remote and not folder.exists():
        raise InputError(
            f"{source}: there is no {folder} (sources.{source}.path); the lists published before stay "
            "current."
        )
    landed = _read_landed_files(night, source)
    _refuse_files_of_two_nights(source, landed)
    arrived = _list_arrived(remote, folder, get_download_folder(night, source))
    released = _list_local(get_released_folder(night.lake, source), RELEASED_PREFIX)
    found = [*arrived, *released]
    due = [file for file in found if parse_date_in_name(file.name) <= night.logical_date]
    pending = [
        replace(file, is_changed=file.name in landed.earlier)
        for file in due
        if landed.leave(file.name) or _is_replaced(file, landed.earlier.get(file.name, []))
    ]
    gone = sorted(landed.own.keys() - landed.earlier.keys() - {file.name for file in found})
    if gone:
        raise InputError(
            f"{source}: files that {night.logical_date} has landed before are gone ({len(gone)}, "
            f"such as {gone[0]}). Nothing was landed, so that the lake keeps their rows; bring them back, or "
            f"remove {night.lake.partition(f'raw/{source}', night.logical_date)} to land the night "
            "without them."
        )
    taken = [file.name for file in pending if landed.is_of_later_night(file)]
    if taken:
        raise InputError(
            f"{source}: files that {night.logical_date} has landed before were replaced, and a later night "
            f"has landed what they hold now ({len(taken)}, such as {taken[0]}). Nothing was landed, so that "
            "the lake keeps the rows of both nights; bring the former files back to run this night again."
        )
    pending.sort(key=lambda file: (parse_date_in_name(file.name), file.name))
    is_first = not [day for day in night.lake.list_dates(f"raw/{source}") if day < night.logical_date]
    is_needed = settings.needed == "every_night" or (settings.needed == "first_night" and is_first)
    if is_needed and not [file for file in pending if not file.is_released]:
        raise InputError(_describe_missing(night, source, remote or folder, found))
    # Downloads start only when it is certain that the night has all files that it needs.
    for file in pending:
        if remote and file.remote and file.path:
            remote.download(file.remote.path, file.path)
    return pending


def _open_remote(settings: SourceSettings, source: str) -> RemoteFolder | None:
    """Return the remote folder of a source, or None if its path is on this machine."""
    return RemoteFolder(settings.path, f"sources.{source}.path") if is_remote_url(settings.path) else None


def get_source_folder(settings: Settings, source: str) -> Path:
    """Return the local folder of a source: its configured path, or its folder below the landing folder."""
    path = settings.sources.of(source).path
    return settings.path(Path(path)) if path else settings.path(settings.lake.landing) / source


def is_demo_source(settings: Settings, source: str) -> bool:
    """Return whether the local files of a source are a demo shop's."""
    configured = settings.sources.of(source)
    if configured.url is not None or is_remote_url(configured.path):
        return False
    folder = get_source_folder(settings, source)
    return any((place / DEMO_MARK).is_file() for place in (folder, folder.parent))


def find_newest_file_day(settings: Settings, source: str) -> date | None:
    """Return the newest day of a source's files: the date in the name, else the UTC day of the last change.

    Args:
        settings: All settings.
        source: The source.

    Returns:
        None if there are no files.
    """
    remote = _open_remote(settings.sources.of(source), source)
    arrived = _list_arrived(remote, get_source_folder(settings, source), Path())
    days = [
        parse_date_in_name(file.name) if parse_date_in_name(file.name) > date.min else _find_change_day(file)
        for file in arrived
    ]
    return max(days, default=None)


def _find_change_day(file: PendingFile) -> date:
    """Return the UTC day of a file's last change."""
    if file.remote:
        return file.remote.changed_on or date.min
    assert file.path is not None
    return datetime.fromtimestamp(file.path.stat().st_mtime, UTC).date()


def get_download_folder(night: Night, source: str = "") -> Path:
    """Return the folder for downloads of a source, or of all sources; it is deleted after landing."""
    return night.lake.root / "brought" / source


def _list_local(folder: Path, prefix: str = "") -> list[PendingFile]:
    """List the files below a local folder that can hold rows, or the path itself if it is a file.

    Raises:
        InputError: If one of them is a link by which somebody would read another user's file.
    """
    files = [folder] if folder.is_file() else sorted(folder.rglob("*"))
    for path in (folder, *files):
        _refuse_foreign_link(path)
    return [
        PendingFile(
            prefix + (path.name if path == folder else path.relative_to(folder).as_posix()),
            path,
            bool(prefix),
        )
        for path in files
        if path.is_file() and can_hold_rows(path)
    ]


def _refuse_foreign_link(path: Path) -> None:
    """Raise an error for a link that its maker could not read through: Handpick may read more than they may.

    Links of this user, of root, and to files of the link's own maker are followed.

    Raises:
        InputError: If the path is another user's link to a file of somebody else.
    """
    link = path
    for _ in range(MAX_LINKS):
        if not link.is_symlink() or not path.exists():
            return
        if link.lstat().st_uid not in {0, os.geteuid(), path.stat().st_uid}:
            raise InputError(
                f"{path} is a link that another user has made to {path.resolve()}, which is not theirs. "
                "Nothing was landed tonight, and the lists published before stay current. Remove the link, "
                "or make it yourself if the file is meant to be read."
            )
        link = link.parent / link.readlink()


def _list_arrived(remote: RemoteFolder | None, folder: Path, download_folder: Path) -> list[PendingFile]:
    """List the remote files of a source that can hold rows, or the local ones if it has no remote folder."""
    if remote is None:
        return _list_local(folder)
    return [
        PendingFile(file.name, download_folder / file.name, remote=file)
        for file in remote.list_files()
        if can_hold_rows(PurePosixPath(file.name))
    ]


def can_hold_rows(path: PurePath) -> bool:
    """Return whether a file has a readable suffix; hidden files are still being written."""
    suffix = PurePath(strip_compression(path.name)).suffix.lower()
    # A ZIP archive's name need not say what is in it.
    is_readable = suffix in READABLE_SUFFIXES or (path.suffix.lower() in COMPRESSED_SUFFIXES and not suffix)
    return is_readable and not path.name.startswith((".", "_"))


def _describe_missing(night: Night, source: str, place: RemoteFolder | Path, found: list[PendingFile]) -> str:
    """Build the error message for a needed source without files."""
    newest = max((parse_date_in_name(file.name) for file in found), default=date.min)
    if isinstance(place, Path) and not place.exists():
        reason = "that folder does not exist"
    elif not found:
        reason = f"no file there ends in {', '.join(sorted(READABLE_SUFFIXES))}"
    else:
        dated = f", newest {newest}" if newest > date.min else ""
        reason = f"{len(found)} files are there, all landed before or dated later{dated}"
    return (
        f"no landing file of {source} for {night.logical_date}: looked in "
        f"{place if isinstance(place, Path) else place.url}, {reason}. Nothing was landed, and the "
        f"lists published before stay current; bring the file, or set sources.{source}.needed = "
        '"first_night".'
    )


@dataclass(frozen=True)
class LandedFiles:
    """A source's files that nights have landed, as the manifests in the lake record them.

    Which files a night takes follows from these records and the files that are there, so that running a night
    again, or after a kill, takes the same files, in whichever order nights were first run.

    Args:
        earlier: Manifest entries of the files that nights before it have landed, by name.
        own: Those of the files that this night has landed, if it has run before.
        later: Those of the files that nights after it have landed.
        has_run: Whether this night has landed the source before.
    """

    earlier: Mapping[str, list[dict[str, Any]]]
    own: Mapping[str, list[dict[str, Any]]]
    later: Mapping[str, list[dict[str, Any]]]
    has_run: bool

    def leave(self, name: str) -> bool:
        """Return whether these nights leave a file to this night.

        A file belongs to the earliest night that takes it. A night that is first run after a later one takes
        its files from it, and the later one, when it is run again, gives them up; but a night that has run
        takes no further files from later nights.
        """
        if name in self.earlier:
            return False
        return name in self.own or not self.has_run or name not in self.later

    def is_of_later_night(self, file: PendingFile) -> bool:
        """Return whether this night has landed a file whose content of now a later night has landed."""
        if file.name not in self.own or file.name not in self.later:
            return False
        return _is_replaced(file, self.own[file.name]) and not _is_replaced(file, self.later[file.name])


def _read_landed_files(night: Night, source: str) -> LandedFiles:
    """Return which files of a source were landed by which nights, as seen from this one."""
    table, tonight = f"raw/{source}", night.logical_date
    earlier: dict[str, list[dict[str, Any]]] = {}
    own: dict[str, list[dict[str, Any]]] = {}
    later: dict[str, list[dict[str, Any]]] = {}
    days = night.lake.list_dates(table)
    for day in days:
        partition = night.lake.partition(table, day)
        # A query has no digest: every night runs it again.
        entries = [entry for entry in read_manifest_files(partition) if entry["sha256"]]
        landed_at = (partition / MANIFEST).stat().st_mtime
        kept = earlier if day < tonight else later if day > tonight else own
        for entry in entries:
            kept.setdefault(entry["name"], []).append({**entry, "landed_at": landed_at, "day": day})
    return LandedFiles(earlier, own, later, has_run=tonight in days)


def _refuse_files_of_two_nights(source: str, landed: LandedFiles) -> None:
    """Raise an InputError if two earlier nights hold the same file, whose rows would count twice.

    A night that was first run after a later one has taken its files from it, and the later one has not given
    them up yet.
    """
    twice: dict[date, str] = {}
    for name, entries in landed.earlier.items():
        holders: dict[str, date] = {}
        for entry in entries:  # oldest night first
            if entry["sha256"] in holders:
                twice.setdefault(entry["day"], f"such as {name}, which {holders[entry['sha256']]} has taken")
            holders.setdefault(entry["sha256"], entry["day"])
    if twice:
        day = min(twice)
        raise InputError(
            f"{source}: the night of {day} still holds files of an earlier night that was run after it "
            f"({twice[day]}). Nothing was landed, so that no row counts twice; run `handpick night --date "
            f"{day}`, which gives them up, and this night again."
        )


def _is_replaced(file: PendingFile, landed: list[dict[str, Any]]) -> bool:
    """Return whether a file has other content than any file of its name that was landed.

    Files of equal size are compared by their digests if they have changed since, or have no day in their
    names: others are not rewritten, and there may be years of them.
    """
    size = file.remote.size if file.remote else file.path.stat().st_size if file.path else None
    if size is None or file.is_released or not landed:
        return False
    same_size = [entry for entry in landed if entry["bytes"] == size]
    if not same_size or file.remote or file.path is None:
        return not same_size
    is_newer = file.path.stat().st_mtime > max(entry["landed_at"] for entry in same_size)
    if not is_newer and parse_date_in_name(file.name) > date.min:
        return False
    digest = build_manifest_entry(file.name, file.path)["sha256"]
    return all(entry["sha256"] != digest for entry in same_size)


def parse_date_in_name(name: str) -> date:
    """Return the last date in a file's name; `date.min` without one, which any night may land."""
    for found in reversed(list(DATE_IN_NAME.finditer(name))):
        year, month, day = (
            found.group(1) or found.group(4),
            found.group(2) or found.group(6),
            found.group(3) or found.group(7),
        )
        try:
            return date(int(year), int(month), int(day))
        except ValueError:
            continue
    return date.min

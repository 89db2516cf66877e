"""The registry of encoders trained on the shop's content: immutable versions, and sets that serve nights."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import date
from pathlib import Path

from handpick.errors import Busy, DamagedData
from handpick.lake.locks import hold_lock

SET_PREFIX = "from="
"""Start of the names of set files; the first night that they serve follows."""
DIGEST_DIGITS = 16
"""Hexadecimal digits of a version's name."""
LOCK_TIMEOUT_S = 60.0
"""Seconds to wait for another writer, who moves a finished folder and writes a small file."""
TRAINING_TIMEOUT_S = 86_400.0
"""Seconds to wait for another process that trains the same encoder for the same night."""


class EncoderRegistry:
    """Versions of encoders in one folder.

    `<root>/<name>/<digest>/` holds one version and never changes. `<root>/from=YYYY-MM-DD.json` is a set: it
    names one version of each encoder, and serves from that logical date on until a newer set does, so that
    any night can be run again with the encoders it used. Encoders depend on each other (the audio encoder is
    trained in the text encoder's vector space), so a set is replaced in one move: a kill leaves the old set
    or the new one, never a mixture. Processes may write at the same time: none loses what another registers.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._draft: dict[str, str] | None = None
        self._draft_date = date.max

    def find_version(self, name: str, logical_date: date) -> Path | None:
        """Return the folder of the version that serves a night; None if there is none, or it was deleted.

        Raises:
            DamagedData: If its files are not those that were trained.
        """
        digest = self.read_members(logical_date).get(name)
        folder = self.root / name / digest if digest is not None else None
        if folder is None or not folder.is_dir():
            return None
        if _digest_folder(folder) != digest:
            raise DamagedData(_describe_damage(folder))
        return folder

    def read_members(self, logical_date: date) -> dict[str, str]:
        """Return the newest set that serves a night: the version's digest by encoder, or nothing.

        Raises:
            DamagedData: If the set cannot be read, or a file is named like a set, but for no date.
        """
        if self._draft is not None and logical_date >= self._draft_date:
            return self._draft
        return self._read_newest_set(logical_date)

    def _read_newest_set(self, logical_date: date) -> dict[str, str]:
        """Return the newest written set that serves a night, or nothing."""
        found = [
            file for file in self.root.glob(f"{SET_PREFIX}*.json") if _parse_first_night(file) <= logical_date
        ]
        # ISO dates sort like dates.
        return _read_set(max(found, key=lambda file: file.name)) if found else {}

    def inspect(self) -> tuple[int, list[str]]:
        """Return the number of versions, and what is wrong with any of them or with a set."""
        versions = [folder for folder in sorted(self.root.glob("*/*")) if _is_version(folder)]
        problems = [
            f"{folder} has other bytes than were trained"
            for folder in versions
            if _digest_folder(folder) != folder.name
        ]
        for file in sorted(self.root.glob(f"{SET_PREFIX}*.json")):
            try:
                _parse_first_night(file)
                members = _read_set(file)
            except DamagedData as error:
                problems.append(str(error))
                continue
            problems += [
                f"{self.root / name / digest} is missing, but {file.name} names it"
                for name, digest in members.items()
                if not (self.root / name / digest).is_dir()
            ]
        return len(versions), problems

    @contextmanager
    def write_version(self, name: str, first_night: date) -> Iterator[Path]:
        """Yield an empty folder for a new version; on success register the version.

        It becomes a member of the set that serves from `first_night`.

        On failure, and after a kill, the registry is as before. Files with the same bytes are the same
        version.
        """
        above = self.root / name
        above.mkdir(parents=True, exist_ok=True)
        staging = self._staging_folder(name, first_night)
        with self._lock_staging(name, first_night, TRAINING_TIMEOUT_S):
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir()
            try:
                yield staging
                # Named by content, so that training the same bytes again adds nothing.
                digest = _digest_folder(staging)
                with self._lock():
                    if not (above / digest).exists():
                        staging.replace(above / digest)
            finally:
                shutil.rmtree(staging, ignore_errors=True)
        self.register(name, digest, first_night)

    def register(self, name: str, digest: str, first_night: date) -> None:
        """Make an existing version a member of the set that serves from a night."""
        if self._draft is None:
            self._add_to_set({name: digest}, first_night)
        else:
            self._draft = self._draft | {name: digest}

    def remove_staging(self, name: str, first_night: date) -> None:
        """Remove the unfinished version that a killed writer has left; one that is being written stays."""
        with suppress(Busy), self._lock_staging(name, first_night, timeout_s=0):
            shutil.rmtree(self._staging_folder(name, first_night), ignore_errors=True)

    @contextmanager
    def transaction(self, first_night: date) -> Iterator[None]:
        """Collect the versions registered inside the block in a draft; write the set at the end.

        Only this object sees the draft.

        If the block raises, the set stays as it was.
        """
        before = self.read_members(first_night)
        self._draft, self._draft_date = before, first_night
        try:
            yield
            self._add_to_set(
                {name: digest for name, digest in self._draft.items() if before.get(name) != digest},
                first_night,
            )
        finally:
            self._draft, self._draft_date = None, date.max

    @contextmanager
    def skip_registration(self, first_night: date) -> Iterator[None]:
        """Write versions without changing any set; another process may `register` them later."""
        self._draft, self._draft_date = self.read_members(first_night), first_night
        try:
            yield
        finally:
            self._draft, self._draft_date = None, date.max

    def link_into(self, root: Path, logical_date: date, without: Collection[str]) -> EncoderRegistry:
        """Return a registry in another folder that links to the set serving a night.

        Some encoders can be left out.
        """
        other = EncoderRegistry(root)
        for name, digest in self.read_members(logical_date).items():
            if name not in without:
                (root / name).mkdir(parents=True, exist_ok=True)
                (root / name / digest).symlink_to((self.root / name / digest).resolve())
        members = {name: one for name, one in self.read_members(logical_date).items() if name not in without}
        # Links instead of copies: versions are large and never change.
        other._write_set(members, logical_date)
        return other

    def _staging_folder(self, name: str, first_night: date) -> Path:
        """Return the folder in which a version is written before it has a digest."""
        return self.root / name / f".tmp-{SET_PREFIX}{first_night.isoformat()}"

    def _lock(self) -> AbstractContextManager[None]:
        """Return a block in which no other process moves a version or writes a set."""
        return hold_lock(self.root, "encoders", "registering encoders", LOCK_TIMEOUT_S)

    def _lock_staging(self, name: str, first_night: date, timeout_s: float) -> AbstractContextManager[None]:
        """Return a block in which no other process, of any lake, writes this encoder for this night."""
        purpose = f"training {name} for {first_night}"
        return hold_lock(self.root, f"{name} {first_night}", purpose, timeout_s)

    def _add_to_set(self, members: dict[str, str], first_night: date) -> None:
        """Write the set that serves from a night: the one that serves it now, changed by some members."""
        with self._lock():
            self._write_set(self._read_newest_set(first_night) | members, first_night)

    def _write_set(self, members: dict[str, str], first_night: date) -> None:
        """Write a set to a temporary file and rename it, so that readers see the old one or the new one."""
        file = self.root / f"{SET_PREFIX}{first_night.isoformat()}.json"
        staged = file.with_name(f".tmp-{file.name}")
        staged.write_text(json.dumps(members, indent=1, sort_keys=True) + "\n")
        staged.replace(file)


def _parse_first_night(file: Path) -> date:
    """Return the first night that a set serves, from the name of its file.

    Raises:
        DamagedData: If there is no date in it.
    """
    try:
        return date.fromisoformat(file.stem.removeprefix(SET_PREFIX))
    except ValueError:
        raise DamagedData(
            f"{file} is not a set of encoders: what follows {SET_PREFIX} is no date. Nothing was encoded; "
            "move the file away, then run this again."
        ) from None


def _read_set(file: Path) -> dict[str, str]:
    """Read the version's digest by encoder.

    Raises:
        DamagedData: If the file is not what was written.
    """
    try:
        members: dict[str, str] = json.loads(file.read_text())
        return {str(name): str(digest) for name, digest in members.items()}
    except (OSError, ValueError, AttributeError):
        raise DamagedData(
            f"{file} is damaged: it does not name the versions of the encoders. Nothing was encoded; bring "
            "it back from a copy, or remove it and run `handpick pretrain`."
        ) from None


def _is_version(folder: Path) -> bool:
    """Return whether a folder is named by a digest, as finished versions are."""
    return (
        folder.is_dir()
        and len(folder.name) == DIGEST_DIGITS
        and not set(folder.name) - set("0123456789abcdef")
    )


def _describe_damage(folder: Path) -> str:
    """Return the message about a damaged version."""
    return (
        f"the encoder {folder} is damaged: it has other bytes than were trained. Nothing was encoded; bring "
        "the folder back from a copy, or remove it and run `handpick pretrain`."
    )


def read_text_space(folder: Path) -> str:
    """Return the fingerprint of the text encoder in whose vector space an audio encoder was trained.

    It is empty where unknown.
    """
    space: str = json.loads((folder / "config.json").read_text()).get("about", {}).get("space", "")
    return space


def _digest_folder(folder: Path) -> str:
    """Return the first hexadecimal digits of a SHA-256 of the names and bytes of a folder's files."""
    total = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            total.update(str(file.relative_to(folder)).encode() + b"\0")
            total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:DIGEST_DIGITS]

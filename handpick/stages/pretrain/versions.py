"""Versions of the encoders that are trained here, and the sets of them that serve: each from one night on."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

PREFIX = "from="


class Versions:
    """`<root>/<name>/<digest>/` holds a version and never changes; `<root>/from=YYYY-MM-DD.json` names one of each.

    The date is the first night that the set serves, so that any night can be run again. Encoders depend on each other
    (voices are put where the words lie), so the set changes in one move: a kill leaves the old one or the new one.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._draft: dict[str, str] | None = None
        self._draft_date = date.max

    def serving(self, name: str, logical_date: date) -> Path | None:
        """The version of an encoder in the newest set that serves a night; None where there is none (any more)."""
        said = self._members(logical_date).get(name)
        folder = self.root / name / said if said is not None else None
        return folder if folder is not None and folder.is_dir() else None

    @contextmanager
    def writing(self, name: str, first_night: date) -> Iterator[Path]:
        """Yield an empty folder; on success it becomes a version, and a member of the set that serves from that night.

        On failure, and after a kill, everything is as before.
        """
        above = self.root / name
        above.mkdir(parents=True, exist_ok=True)
        staging = self._staging(name, first_night)
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir()
        try:
            yield staging
            digest = _digest(staging)
            if not (above / digest).exists():
                staging.replace(above / digest)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        self.join(name, digest, first_night)

    def join(self, name: str, digest: str, first_night: date) -> None:
        """Make a version that is there a member of the set that serves from a night."""
        members = self._members(first_night) | {name: digest}
        if self._draft is None:
            self._point(members, first_night)
        else:
            self._draft = members

    def sweep(self, name: str, first_night: date) -> None:
        """Remove what a writer that was killed has left."""
        shutil.rmtree(self._staging(name, first_night), ignore_errors=True)

    @contextmanager
    def together(self, first_night: date) -> Iterator[None]:
        """Versions written inside are a draft that only this object sees; at the end they become the set in one move."""
        self._draft, self._draft_date = self._members(first_night), first_night
        try:
            yield
            self._point(self._draft, first_night)
        finally:
            self._draft, self._draft_date = None, date.max

    @contextmanager
    def apart(self, first_night: date) -> Iterator[None]:
        """Versions written inside are members of no set; another process may `join` them."""
        self._draft, self._draft_date = self._members(first_night), first_night
        try:
            yield
        finally:
            self._draft, self._draft_date = None, date.max

    def lent(self, root: Path, logical_date: date, without: Collection[str]) -> Versions:
        """Versions below another folder that begin with the set that serves a night, but for some encoders."""
        other = Versions(root)
        for name, digest in self._members(logical_date).items():
            if name not in without:
                (root / name).mkdir(parents=True, exist_ok=True)
                (root / name / digest).symlink_to((self.root / name / digest).resolve())
        members = {name: one for name, one in self._members(logical_date).items() if name not in without}
        other._point(members, logical_date)
        return other

    def _staging(self, name: str, first_night: date) -> Path:
        return self.root / name / f".tmp-{PREFIX}{first_night.isoformat()}"

    def _members(self, logical_date: date) -> dict[str, str]:
        """By name the digest of each encoder in the newest set that serves a night."""
        if self._draft is not None and logical_date >= self._draft_date:
            return self._draft
        found = [
            file
            for file in self.root.glob(f"{PREFIX}*.json")
            if date.fromisoformat(file.stem.removeprefix(PREFIX)) <= logical_date
        ]
        if not found:
            return {}
        members: dict[str, str] = json.loads(max(found, key=lambda file: file.name).read_text())
        return members

    def _point(self, members: dict[str, str], first_night: date) -> None:
        file = self.root / f"{PREFIX}{first_night.isoformat()}.json"
        staged = file.with_name(f".tmp-{file.name}")
        staged.write_text(json.dumps(members, indent=1, sort_keys=True) + "\n")
        staged.replace(file)


def _digest(folder: Path) -> str:
    """16 hex digits of the names and bytes of a folder's files."""
    total = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            total.update(str(file.relative_to(folder)).encode() + b"\0")
            total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:16]

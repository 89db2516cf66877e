"""Pictures and recordings of the lake's rows: known by the digest of their bytes, read with the limits of `[validation]`."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from handpick.lake.media import problem, resolve
from handpick.night import Night

CACHE = "media_digests.json"


class Files:
    """Digests of media files, kept by path, size and time of change, so that a night reads only new files whole."""

    def __init__(self, night: Night) -> None:
        self.root = night.settings.path(night.settings.lake.media)
        self.limits, self.embed = night.settings.validation, night.settings.embed
        self._file = night.lake.root / ".cache" / CACHE
        self._kept = _read(self._file)
        self._before = len(self._kept)

    def keys(self, paths: Iterable[str | None], kind: str) -> tuple[list[str | None], Counter[str]]:
        """A digest for each path, None where there is no usable file, and how many were not usable by reason.

        Args:
            kind: `image` or `audio`.
        """
        paths = list(paths)
        verdicts = {path: self._verdict(path, kind) for path in sorted({path for path in paths if path})}
        lost = Counter(reason for path in paths if path for _, reason in [verdicts[path]] if reason)
        return [verdicts[path][0] if path else None for path in paths], lost

    def content(self, path: str) -> bytes:
        """The file's bytes; nothing where it has vanished since it was looked at."""
        file = resolve(self.root, path)
        try:
            return b"" if file is None else file.read_bytes()
        except OSError:
            return b""

    def keep(self) -> None:
        """Write down what was learned about files."""
        if len(self._kept) == self._before:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        staged = self._file.with_suffix(".tmp")
        staged.write_text(json.dumps(self._kept, indent=0, sort_keys=True))
        staged.replace(self._file)

    def _verdict(self, path: str, kind: str) -> tuple[str | None, str | None]:
        """The digest, or the reason why there is none."""
        file = resolve(self.root, path)
        try:
            about = None if file is None else file.stat()
        except (OSError, ValueError):
            about = None
        stamp = f"{file}|{kind}|{about.st_size}|{about.st_mtime_ns}" if about else ""
        if stamp not in self._kept:
            reason = problem(self.root, path, kind, self.limits)
            if reason is not None or file is None:
                return None, reason
            self._kept[stamp] = hashlib.blake2b(file.read_bytes(), digest_size=12).hexdigest()
        return self._kept[stamp], None


def _read(file: Path) -> dict[str, str]:
    try:
        kept: dict[str, str] = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return kept

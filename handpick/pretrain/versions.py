"""Versions of the encoders that are trained here: each serves from one night on, so that any night can be run again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

PREFIX = "from="


@dataclass(frozen=True)
class Versions:
    """`<root>/<name>/from=YYYY-MM-DD/`, the date being the first night that a version serves."""

    root: Path

    def serving(self, name: str, logical_date: date) -> Path | None:
        """The newest version of an encoder that serves a night, or None."""
        found = (
            folder for folder in (self.root / name).glob(f"{PREFIX}*")
            if date.fromisoformat(folder.name.removeprefix(PREFIX)) <= logical_date
        )  # fmt: skip
        return max(found, key=lambda folder: folder.name, default=None)

    @contextmanager
    def writing(self, name: str, first_night: date) -> Iterator[Path]:
        """Yield an empty folder; on success it becomes the version, on failure the one before stays."""
        target = self.root / name / f"{PREFIX}{first_night.isoformat()}"
        target.parent.mkdir(parents=True, exist_ok=True)
        staging, old = (target.with_name(f".{kind}-{target.name}") for kind in ("tmp", "old"))
        for folder in (staging, old):
            shutil.rmtree(folder, ignore_errors=True)
        staging.mkdir()
        try:
            yield staging
            if target.exists():
                target.replace(old)
            staging.replace(target)
        finally:
            for folder in (staging, old):
                shutil.rmtree(folder, ignore_errors=True)

"""What dbt did with each node, one small file each, for those who watch a build from another process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

DONE = ("success", "pass", "warn", "no-op", "partial success")
OVER = "over"
"""File that a build leaves when it has ended."""
_FOLDER: ContextVar[Path | None] = ContextVar("folder", default=None)


@dataclass(frozen=True)
class Outcome:
    """How one node ended: dbt's word for it, and what the database said."""

    status: str
    message: str

    @property
    def is_good(self) -> bool:
        """Whether the night can go on."""
        return self.status in DONE


@contextmanager
def reported_to(folder: Path) -> Iterator[None]:
    """For the length of a block, builds leave the outcome of each node in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    token = _FOLDER.set(folder)
    try:
        yield
    finally:
        _FOLDER.reset(token)
        (folder / OVER).touch()


def callbacks() -> list[Callable[[Any], None]]:
    """What dbt must call with its events; nothing where nobody watches."""
    folder = _FOLDER.get()
    if folder is None:
        return []

    def keep(event: Any) -> None:
        if event.info.name == "NodeFinished":
            node = event.data.node_info
            _write(_file(folder, node.unique_id), Outcome(node.node_status, event.data.run_result.message))

    return [keep]


def outcome(folder: Path, unique_id: str) -> Outcome | None:
    """How a node ended, or None while it has not."""
    file = _file(folder, unique_id)
    return Outcome(**json.loads(file.read_text())) if file.is_file() else None


def is_over(folder: Path) -> bool:
    """Whether the build that left its outcomes in this folder has ended."""
    return (folder / OVER).is_file()


def _file(folder: Path, unique_id: str) -> Path:
    return folder / f"{unique_id}.json"


def _write(file: Path, ended: Outcome) -> None:
    staged = file.with_suffix(".tmp")
    staged.write_text(json.dumps(asdict(ended)))
    staged.replace(file)

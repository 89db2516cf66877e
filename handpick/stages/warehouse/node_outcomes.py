"""Outcomes of dbt nodes, one small file each, for processes that watch a build: Airflow's triggers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SUCCESS_STATUSES = ("success", "pass", "warn", "no-op", "partial success")
END_MARKER = "over"
"""Empty file that a build leaves when it has ended."""
_FOLDER: ContextVar[Path | None] = ContextVar("folder", default=None)
"""Folder that builds of this context report to; dbt passes no argument to its callbacks."""


@dataclass(frozen=True)
class NodeOutcome:
    """The outcome of one node.

    Args:
        status: dbt's status, such as `success`, `error` or `skipped`.
        message: The database's message.
    """

    status: str
    message: str

    @property
    def is_success(self) -> bool:
        """Whether the night can continue after this node."""
        return self.status in SUCCESS_STATUSES


@contextmanager
def report_nodes_to(folder: Path) -> Iterator[None]:
    """Make builds within a block write the outcome of each node into a folder.

    The folder gets an end marker when the block ends, also by an exception.
    """
    folder.mkdir(parents=True, exist_ok=True)
    token = _FOLDER.set(folder)
    try:
        yield
    finally:
        _FOLDER.reset(token)
        (folder / END_MARKER).touch()


def make_callbacks() -> list[Callable[[Any], None]]:
    """Return the callbacks for dbt's events; none outside of `report_nodes_to`."""
    folder = _FOLDER.get()
    if folder is None:
        return []

    def keep(event: Any) -> None:
        # All other events of dbt, such as its log lines, are ignored.
        if event.info.name == "NodeFinished":
            node = event.data.node_info
            _write_outcome(
                _get_outcome_file(folder, node.unique_id),
                NodeOutcome(node.node_status, event.data.run_result.message),
            )

    return [keep]


def read_outcome(folder: Path, unique_id: str) -> NodeOutcome | None:
    """Read the outcome of a node; None while it has not ended.

    Args:
        folder: Where the build reports.
        unique_id: dbt's name of the node, such as `model.handpick.dim_item`.
    """
    file = _get_outcome_file(folder, unique_id)
    return NodeOutcome(**json.loads(file.read_text())) if file.is_file() else None


def has_build_ended(folder: Path) -> bool:
    """Return whether the build that reports into this folder has ended."""
    return (folder / END_MARKER).is_file()


def _get_outcome_file(folder: Path, unique_id: str) -> Path:
    return folder / f"{unique_id}.json"


def _write_outcome(file: Path, ended: NodeOutcome) -> None:
    """Write an outcome so that a watching process never reads half of it."""
    staged = file.with_suffix(".tmp")
    staged.write_text(json.dumps(asdict(ended)))
    staged.replace(file)

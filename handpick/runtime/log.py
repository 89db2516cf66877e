"""Progress for people, on standard error: progress bars on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from rich.console import Console

T = TypeVar("T")

console = Console(stderr=True, highlight=False, soft_wrap=True)
"""The console of everything that is not a command's result. Lines are not wrapped, so that logs can be
searched."""


def log_progress(line: str) -> None:
    """Print one line of progress to standard error."""
    # Messages may hold brackets, such as `[train]`, which rich would take for markup.
    console.print(line, markup=False)


def track_progress(things: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Yield the items and show how many are done: by a bar on a terminal, by a line at every tenth in a log.

    Args:
        things: The items to iterate over.
        what: The name of the work, shown with the numbers.
        total: How many things there are, where they have no length; logs show nothing without it, or below
            100.
    """
    if total is None and isinstance(things, Sized):
        total = len(things)
    if sys.stderr.isatty():
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            yield from progress.track(things, total=total)
        return
    step = max(1, (total or 0) // 10)
    for number, thing in enumerate(things, 1):
        yield thing
        if total and total >= 100 and number % step == 0:
            log_progress(f"  {what}: {number:,} of {total:,}")

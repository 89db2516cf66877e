"""What people read while it works: rich on a terminal, plain lines in logs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")

console = Console(stderr=True, highlight=False, soft_wrap=True)


def say(line: str) -> None:
    """One line of progress, to standard error."""
    console.print(line, markup=False)


def track(things: Iterable[T], what: str, total: int | None = None) -> Iterator[T]:
    """Go through things with a progress bar on a terminal, or a line at every tenth in a log."""
    if total is None and isinstance(things, Sized):
        total = len(things)
    if sys.stderr.isatty():
        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, transient=True) as progress:
            yield from progress.track(things, total=total)
        return
    step = max(1, (total or 0) // 10)
    for number, thing in enumerate(things, 1):
        yield thing
        if total and total >= 100 and number % step == 0:
            say(f"  {what}: {number:,} of {total:,}")

"""Progress for people, on standard error: progress bars on a terminal, plain lines in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from typing import Any, TextIO, TypeVar

from rich.console import Console  # noqa: TID251 - the one that SafeConsole extends
from rich.text import Text

from handpick.errors.safe_text import make_showable

T = TypeVar("T")


class SafeConsole(Console):
    """A console on which the text of others is only text.

    Brackets are no markup and colons no emoji; control characters, which a terminal would obey, are shown as
    escapes; secrets are replaced. It is the only console of Handpick (`ruff` bans rich's own elsewhere), so
    a string that a command prints or puts into a table cannot go around it. Style comes from `rich.text.Text`
    and `style=`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"markup": False, "emoji": False, "highlight": False, **options})

    def render_str(self, text: str, **options: Any) -> Text:
        """Convert a string, which rich does with every one that is printed, to safe text."""
        return super().render_str(make_showable(text, keep_breaks=True), **options)


console = SafeConsole(stderr=True, soft_wrap=True)
"""The console of everything that is not a command's result. Lines are not wrapped, so that logs can be
searched."""


def log_progress(line: str) -> None:
    """Print one line of progress to standard error."""
    # A line break in it would forge a second line.
    console.print(make_showable(line))


def print_result(text: str, *, end: str = "\n", file: TextIO | None = None) -> None:
    """Write a command's result as it is laid out, unwrapped, to standard output, or to a given stream."""
    stream = file or sys.stdout
    stream.write(make_showable(text, keep_breaks=True) + end)
    stream.flush()


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

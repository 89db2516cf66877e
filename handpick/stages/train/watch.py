"""Shows a training's progress: a bar on a terminal, a line after every epoch in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from handpick.runtime.log import console, say
from models.training.options import K, Progress, Watcher


@contextmanager
def watching(what: str, is_validated: bool = True) -> Iterator[Watcher]:
    """What a course tells of its steps, for the length of one training.

    Args:
        is_validated: A log waits for an epoch's validation before it tells of the epoch.
    """
    if not sys.stderr.isatty():
        last = 0

        def tell(progress: Progress) -> None:
            nonlocal last
            is_over = progress.step == progress.steps and (progress.ndcg is not None or not is_validated)
            if is_over and progress.epoch != last:
                last = progress.epoch
                _line(what, progress)

        yield tell
        return
    columns = (TextColumn(what), BarColumn(), TextColumn("{task.fields[said]}"), TimeRemainingColumn())
    with Bars(*columns, console=console, transient=True) as bars:
        task = bars.add_task(what, total=None, said="")

        def show(progress: Progress) -> None:
            done = (progress.epoch - 1) * progress.steps + progress.step
            bars.update(
                task, completed=done, total=progress.epochs * progress.steps, said=described(progress)
            )

        yield show


def described(progress: Progress) -> str:
    """A moment of a course in words."""
    rate = progress.questions / max(progress.seconds, 1e-9)
    words = f"epoch {progress.epoch} of {progress.epochs}, loss {progress.loss:.3f}, {rate:,.0f} questions a second"
    return words if progress.ndcg is None else f"{words}, validation NDCG@{K} {progress.ndcg:.4f}"


def _line(what: str, progress: Progress) -> None:
    """An epoch's last word, with the time that the others would take."""
    left = progress.seconds * (progress.epochs - progress.epoch)
    say(f"  {what}: {described(progress)}, at most {left:,.0f} s left")

"""Shows the progress of a training: a bar on a terminal, a line after each epoch in a log."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from handpick.runtime.log import console, log_progress
from models.training.fit_options import VALIDATION_K, Progress, ProgressCallback


@contextmanager
def show_progress(what: str, is_validated: bool = True) -> Iterator[ProgressCallback]:
    """Yield the callback that a trainer calls after each step and each validation.

    Args:
        what: Names the training.
        is_validated: Whether each epoch ends with a validation; the epoch's log line is then written after
            it.
    """
    if not sys.stderr.isatty():
        last = 0

        def log_epoch(progress: Progress) -> None:
            nonlocal last
            is_over = progress.step == progress.steps and (progress.ndcg is not None or not is_validated)
            if is_over and progress.epoch != last:
                last = progress.epoch
                _log_epoch(what, progress)

        yield log_epoch
        return
    columns = (TextColumn(what), BarColumn(), TextColumn("{task.fields[state]}"), TimeRemainingColumn())
    with Bars(*columns, console=console, transient=True) as bars:
        task = bars.add_task(what, total=None, state="")

        def show(progress: Progress) -> None:
            done = (progress.epoch - 1) * progress.steps + progress.step
            total = progress.epochs * progress.steps
            bars.update(task, completed=done, total=total, state=describe_progress(progress))

        yield show


def describe_progress(progress: Progress) -> str:
    """Return epoch, loss, throughput and validation NDCG in one line."""
    rate = progress.examples / max(progress.seconds, 1e-9)
    words = (
        f"epoch {progress.epoch} of {progress.epochs}, loss {progress.loss:.3f}, "
        f"{rate:,.0f} examples a second"
    )
    return words if progress.ndcg is None else f"{words}, validation NDCG@{VALIDATION_K} {progress.ndcg:.4f}"


def _log_epoch(what: str, progress: Progress) -> None:
    """Log an epoch, with the time that the remaining epochs would take.

    Early stopping may save some of it.
    """
    left = progress.seconds * (progress.epochs - progress.epoch)
    log_progress(f"  {what}: {describe_progress(progress)}, at most {left:,.0f} s left")

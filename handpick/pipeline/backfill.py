"""Runs the nights of a range one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from handpick.errors import HandpickError, InputError
from handpick.night import Night
from handpick.pipeline.registry import list_nightly_names
from handpick.pipeline.runner import run_stage
from handpick.runtime.log import log_progress


def iterate_dates(first: date, last: date) -> Iterator[date]:
    """Yield the logical dates of a range, both ends included, oldest first.

    Raises:
        InputError: If the range is empty.
    """
    if last < first:
        raise InputError(f"--from {first} is after --to {last}; nothing was run.")
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def run_nights(nights: list[Night], through: str = "report") -> None:
    """Run the stages of each night up to one of them; a night begins when the one before is done.

    Every stage sees only what is dated up to its night, and `land` takes the same files as when the night was
    first run, so a night that is run again writes what it wrote then.

    Args:
        nights: The nights, oldest first.
        through: The last stage of each night.

    Raises:
        InputError: If there is no such stage.
        HandpickError: If a night stopped; says which nights are done, and how to continue.
    """
    through = through.replace("-", "_")  # a command's spelling names its stage, too
    if through not in list_nightly_names():
        raise InputError(f"there is no stage {through!r}; the stages are {', '.join(list_nightly_names())}.")
    stages = list_nightly_names(through)
    for number, night in enumerate(nights):
        try:
            with night.lock(f"the night of {night.logical_date} in a backfill"):
                for stage in stages:
                    run_stage(stage, night)
        except HandpickError as error:
            done = f"{number} of {len(nights)} nights are done" if number else "no night is done"
            # The same type, so that callers can still tell the errors apart.
            raise type(error)(
                f"the backfill stopped at {night.logical_date}, {done}: {error} Then continue with: handpick "
                f"backfill --from {night.logical_date} --to {nights[-1].logical_date}"
            ) from None
        log_progress(f"{night.logical_date} is done, {number + 1} of {len(nights)} nights")

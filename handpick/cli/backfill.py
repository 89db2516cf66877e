"""`handpick backfill`: nights of a range, one after the other, with what each would have written then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Annotated

import typer

from handpick.errors import HandpickError, InputError
from handpick.night import Night
from handpick.pipeline.registry import nightly_names
from handpick.pipeline.runner import run_stage
from handpick.runtime.log import say

First = Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="The first logical date.")]
Last = Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="The last logical date.")]
Through = Annotated[str, typer.Option(help="The last stage of each night to run.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("backfill", rich_help_panel="Whole nights")(backfill)


def backfill(first: First, last: Last, through: Through = "report") -> None:
    """Run a range of nights again, or for the first time, oldest first; lists of a later night stay current."""
    from handpick.settings.load import load

    nights = [Night(load(), day) for day in days(first.date(), last.date())]
    run_nights(nights, through)
    later = [day for day in nights[-1].lake.dates("raw/events") if day > last.date()]
    if later:
        say(
            f"Later nights, up to {later[-1]}, were built before these and have not been run again. To build them on "
            f"what is there now: handpick backfill --from {later[0]} --to {later[-1]}"
        )


def days(first: date, last: date) -> Iterator[date]:
    """The logical dates of a range, both ends included, oldest first.

    Raises:
        InputError: If the range is empty.
    """
    if last < first:
        raise InputError(f"--from {first} is after --to {last}; nothing was run.")
    for number in range((last - first).days + 1):
        yield first + timedelta(days=number)


def run_nights(nights: list[Night], through: str = "report") -> None:
    """Run the stages of each night up to one of them; a night begins when the one before is done.

    Every stage sees only what is dated up to its night, and `land` takes the files that the night took when it was
    first run, so a night that is run again writes what it wrote.

    Raises:
        InputError: If there is no such stage.
        HandpickError: If a night stopped; says which nights are done, and how to go on.
    """
    if through not in nightly_names():
        raise InputError(f"there is no stage {through!r}; the stages are {', '.join(nightly_names())}.")
    stages = nightly_names(through)
    for number, night in enumerate(nights):
        try:
            for stage in stages:
                run_stage(stage, night)
        except HandpickError as error:
            done = f"{number} of {len(nights)} nights are done" if number else "no night is done"
            raise type(error)(
                f"the backfill stopped at {night.logical_date}, {done}: {error} Then go on: handpick backfill "
                f"--from {night.logical_date} --to {nights[-1].logical_date}"
            ) from None
        say(f"{night.logical_date} is done, {number + 1} of {len(nights)} nights")

"""`handpick backfill`: run the nights of a range, one after the other."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from handpick.cli.options import date_option

First = Annotated[datetime, date_option("--from", "The first logical date.")]
Last = Annotated[datetime, date_option("--to", "The last logical date.")]
Through = Annotated[str, typer.Option(help="The last stage of each night to run.")]


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command("backfill", rich_help_panel="Nights")(backfill)


def backfill(first: First, last: Last, through: Through = "report") -> None:
    """Run a range of nights, oldest first, for the first time or again.

    If a later night is published, its lists stay current.
    """
    from handpick.night import Night
    from handpick.pipeline.backfill import iterate_dates, run_nights
    from handpick.runtime.log import log_progress
    from handpick.settings.load import load

    nights = [Night(load(), day) for day in iterate_dates(first.date(), last.date())]
    run_nights(nights, through)
    later = [day for day in nights[-1].lake.list_dates("raw/events") if day > last.date()]
    if later:
        log_progress(
            f"Later nights, up to {later[-1]}, do not include the new results. To run them again: "
            f"handpick backfill --from {later[0]} --to {later[-1]}"
        )

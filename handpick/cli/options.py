"""Options that several commands share."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

import typer

from handpick.errors import HandpickError, InputError

DATE_FORM = "YYYY-MM-DD"
WRITTEN = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
FIRST_YEAR, LAST_YEAR = 1970, 2199
"""Years of dates that can be given; windows around a date outside of them would leave the calendar."""


def parse_date(text: str) -> datetime:
    """Return the midnight of a date that was given as an option.

    Raises:
        InputError: If it is no date, or far outside the years that a shop has data of.
    """
    try:
        # `strptime` alone would take `2026-3-1` and digits of other scripts.
        found = datetime.strptime(text if WRITTEN.fullmatch(text) else "", "%Y-%m-%d")
    except ValueError:
        raise InputError(
            f"{text!r} is no date: write {DATE_FORM}, such as 2026-03-01. Nothing was run."
        ) from None
    if not FIRST_YEAR <= found.year <= LAST_YEAR:
        raise InputError(f"{text} is not between {FIRST_YEAR} and {LAST_YEAR}. Nothing was run.")
    return found


def complete_date(incomplete: str) -> list[str]:
    """Return the nights that begin with what was typed, newest first, for the shell's completion."""
    from handpick.night import list_nights
    from handpick.settings.load import load

    try:
        days = list_nights(load())
    except HandpickError:  # a completion has no place for errors; the command itself will say it
        return []
    return [day.isoformat() for day in reversed(days) if day.isoformat().startswith(incomplete)]


def date_option(name: str, about: str) -> Any:
    """Return an option that takes a date, with its text in the help."""
    return typer.Option(name, parser=parse_date, metavar=DATE_FORM, help=about, autocompletion=complete_date)


LogicalDate = Annotated[datetime, date_option("--date", f"The logical date, {DATE_FORM}.")]

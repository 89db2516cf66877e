"""`handpick import`: turn public data into landing files."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from handpick.cli.options import date_option
from handpick.runtime.log import print_result

if TYPE_CHECKING:
    from handpick.ledger.flows import Flow

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The file as it was downloaded.")]
Landing = Annotated[
    Path | None, typer.Option("--landing", "--out", help="Landing folder. Default: the configured one.")
]


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    importing = typer.Typer(no_args_is_help=True, help="Turn public data into landing files.")
    importing.command("gsmarena")(gsmarena)
    importing.command("amazon-reviews")(amazon_reviews)
    app.add_typer(importing, name="import", rich_help_panel="Input")


def gsmarena(
    file: File,
    landing: Landing = None,
    date: Annotated[
        datetime | None,
        date_option("--date", "Day of the scrape. Default: that of its newest timestamp."),
    ] = None,
) -> None:
    """Turn a scraped gsmarena.com CSV into `catalog`.

    Launch dates and prices are parsed from free text; specifications stay as they are.
    """
    from handpick.demo.public_data.gsmarena import import_gsmarena
    from handpick.settings.load import load

    settings = load()
    target = landing or settings.path(settings.lake.landing)
    path, flow = import_gsmarena(file, target, settings.shop.currency, date.date() if date else None)
    _print_flows([path], [flow])


def amazon_reviews(
    file: File,
    landing: Landing = None,
    consent: Annotated[
        bool,
        typer.Option("--consent/--no-consent", help="Whether the reviewers consent to lists made for them."),
    ] = True,
) -> None:
    """Turn a JSON dump of reviews into `events` and `users`; validation quarantines broken ones."""
    from handpick.demo.public_data.amazon_reviews import import_amazon_reviews
    from handpick.settings.load import load

    settings = load()
    target = landing or settings.path(settings.lake.landing)
    _print_flows(*import_amazon_reviews(file, target, consent))


def _print_flows(paths: Iterable[Path], flows: Iterable[Flow]) -> None:
    """Print a line per file: rows in, rows out, and the dropped rows by reason."""
    for path, flow in zip(paths, flows, strict=True):
        reasons = "".join(f", {count:,} dropped: {reason}" for reason, count in flow.dropped.items())
        print_result(f"{flow.source}: {flow.rows_in:,} rows in, {flow.rows_out:,} out{reasons}; {path}")

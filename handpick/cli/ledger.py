"""`handpick ledger`: rows in, out and dropped of a night, reconciled with the lake."""

from __future__ import annotations

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from handpick.cli.options import LogicalDate
from handpick.runtime.log import SafeConsole


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command("ledger", rich_help_panel="Look inside")(ledger)


def ledger(date: LogicalDate) -> None:
    """Show rows in, out and dropped by reason, per stage and source of a night.

    The exit status is 1 if they do not balance.
    """
    from handpick.cli.night_summary import describe_dropped_rows
    from handpick.ledger.reconcile import find_imbalances, write_ledger
    from handpick.night import require_night
    from handpick.settings.load import load

    night = require_night(load(), date.date())
    results = night.results()
    table = Table(
        title=f"Ledger of {date.date()}",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for name in ("stage", "source", "rows in", "rows out", "dropped"):
        is_text = name in ("stage", "source")
        table.add_column(name, justify="left" if is_text else "right", no_wrap=True)
    for result in results:
        for number, flow in enumerate(result.flows):
            table.add_row(
                "" if number else result.stage,
                flow.source,
                f"{flow.rows_in:,}",
                f"{flow.rows_out:,}",
                f"{flow.rows_dropped:,}",
                end_section=number == len(result.flows) - 1,
            )
    console = SafeConsole()
    console.print(table)
    # Below the table: beside it they would be broken letter by letter on a terminal of 80 columns.
    for line in describe_dropped_rows(results):
        console.print(line)
    # The ledger's table is written again, so that it agrees with what is shown.
    write_ledger(results, night.lake, night.logical_date)
    problems = find_imbalances(results, night.lake, night.logical_date)
    for problem in problems:
        console.print(problem, style="red")
    if problems:
        raise typer.Exit(1)
    console.print(
        "Every row is accounted for: rows in = rows out + rows dropped, and the row counts of the lake agree."
    )

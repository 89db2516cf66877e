"""`handpick doctor`: check whether this machine and this installation can run a night."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command("doctor", rich_help_panel="Look after it")(doctor)


def doctor() -> None:
    """Check settings, versions, Java, disk, port, rights and database; say what to do about each.

    Nothing is started or changed. The exit status is 1 if a night could not run.
    """
    from rich.table import Table
    from rich.text import Text

    from handpick.cli.health_checks import State, check_health
    from handpick.runtime.log import SafeConsole
    from handpick.settings.load import load

    styles = {State.OK: "green", State.WARN: "yellow", State.BAD: "bold red"}
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    states = []
    for check in check_health(load()):
        states.append(check.state)
        table.add_row(Text(check.state, styles[check.state]), check.name, check.said)
        if check.next_step:
            table.add_row("", "", f"→ {check.next_step}")
    out = SafeConsole()
    out.print(table)
    bad, warned = states.count(State.BAD), states.count(State.WARN)
    if bad:
        out.print(f"\nA night cannot run: {bad} of {len(states)} checks failed.", style="red")
        raise typer.Exit(1)
    out.print("\nA night can run." + (f" {warned} of {len(states)} checks have a warning." if warned else ""))

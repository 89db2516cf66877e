"""`handpick alert`: tell the owners what is wrong now, or test whether they can be reached."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from handpick.runtime.log import print_result

IsTest = Annotated[bool, typer.Option("--test", help="Send a test message to every channel instead.")]


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command("alert", rich_help_panel="Look after it")(alert)


def alert(test: IsTest = False) -> None:
    """Tell the owners what is wrong now, once a night and cause; --test tries their channels.

    The exit status is 1 if a channel was not reached.
    """
    from handpick.pipeline.alerts.send import alert_about_shop, require_channels, send_test
    from handpick.settings.load import load

    settings = load()
    if test:
        results = send_test(settings)
        for name, problem in results.items():
            print_result(f"{name}: {problem or 'delivered'}")
        if any(results.values()):
            raise typer.Exit(1)
        return
    require_channels(settings)
    sent = alert_about_shop(settings, datetime.now(UTC))
    for name, message in sent.messages.items():
        print_result(f"To {name}: {message.title}\n\n{message.body}\n")
    for problem in sent.problems:
        print_result(problem)
    if sent.waiting:
        print_result(f"{len(sent.waiting)} findings wait for the end of the quiet hours.")
    if not (sent.messages or sent.problems or sent.waiting):
        print_result("There is nothing new to tell.")
    if sent.problems:
        raise typer.Exit(1)

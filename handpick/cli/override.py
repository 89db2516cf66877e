"""`handpick override`: a person overrides the gate's decision and says why."""

from __future__ import annotations

from typing import Annotated

import typer

from handpick.cli.options import LogicalDate
from handpick.runtime.log import print_result


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command("override", rich_help_panel="Models")(override)


def override(
    date: LogicalDate,
    who: Annotated[str, typer.Option(help="Name of the person who decides.")],
    why: Annotated[str, typer.Option(help="The reason, shown in the report.")],
    refuse: Annotated[bool, typer.Option("--refuse", help="Keep the champion instead.")] = False,
) -> None:
    """Promote a night's model against the gate, or reject it with --refuse.

    Then run score, publish and report.
    """
    from handpick.night import Night
    from handpick.settings.load import load
    from handpick.stages.gate.decision_record import record_override

    settings, to = load(), "refuse" if refuse else "promote"
    decision = record_override(Night(settings, date.date()), to=to, who=who, why=why)
    # Only a decision that was recorded needs the database.
    from handpick.serving.browse import name_os_user, record_action

    target = f"{to} the model of {date.date()}, for {who}"
    record_action(settings, who=name_os_user(), action="override", target=target, why=why)
    print_result(f"Recorded: the models of {decision.champion_date} score the lists of {date.date()}.")

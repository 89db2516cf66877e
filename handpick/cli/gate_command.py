"""`handpick override`: a person decides otherwise than the gate, and says why."""

from __future__ import annotations

from typing import Annotated

import typer

from handpick.cli.options import LogicalDate


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("override", rich_help_panel="Whole nights")(override)


def override(
    date: LogicalDate,
    who: Annotated[str, typer.Option(help="Who decides.")],
    why: Annotated[str, typer.Option(help="Why; shown in the report.")],
    refuse: Annotated[bool, typer.Option("--refuse", help="Keep the champion instead of promoting.")] = False,
) -> None:
    """Promote (or with --refuse, refuse) a night's model against the gate; then run score, publish and report."""
    from handpick.night import Night
    from handpick.settings.load import load
    from handpick.stages.gate.decision import override as record

    decision = record(Night(load(), date.date()), to="refuse" if refuse else "promote", who=who, why=why)
    typer.echo(f"Recorded. The models of {decision.champion_date} score the lists of {date.date()}.")

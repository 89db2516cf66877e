"""`handpick` commands: lineage."""

import typer


def register(app: typer.Typer) -> None:
    """Add this module's commands."""

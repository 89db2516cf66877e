"""The `handpick` command: one subcommand per stage, and the commands of `handpick.commands`."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from datetime import datetime

import typer

from handpick.commands.options import LogicalDate
from handpick.errors import HandpickError
from handpick.log import console
from handpick.night import STAGES

app = typer.Typer(
    name="handpick",
    help="Nightly batch recommendations for phone retailers: from raw files to a published top-N table.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

COMMANDS = (
    "demo",
    "imports",
    "inputs",
    "night",
    "gate_command",
    "ledger",
    "lists",
    "models",
    "ablation",
    "lineage",
    "settings",
    "backfill",
)
"""Modules of `handpick.commands`; each has `register(app)`."""


def stage_command(stage: str) -> Callable[[datetime], None]:
    """The command that runs one stage alone."""

    def command(date: LogicalDate) -> None:
        from handpick.config import load
        from handpick.night import Night, run_stage

        run_stage(stage, Night(load(), date.date()))

    return command


for _name, _help in STAGES.items():
    app.command(_name, help=_help, rich_help_panel="Stages")(stage_command(_name))

for _module in COMMANDS:
    importlib.import_module(f"handpick.commands.{_module}").register(app)


def main() -> None:
    """Run the command line; errors that a person can mend are one line and exit status 1."""
    try:
        app()
    except HandpickError as error:
        if os.environ.get("HANDPICK_DEBUG"):
            raise
        console.print(f"handpick: {error}", markup=False, style="red")
        sys.exit(1)


if __name__ == "__main__":
    main()

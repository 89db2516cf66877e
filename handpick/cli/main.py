"""The `handpick` command: one subcommand per stage, and the commands of `handpick.cli`."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable
from datetime import datetime

import typer

from handpick.cli.options import LogicalDate
from handpick.errors import HandpickError
from handpick.pipeline.registry import Stage, nightly_stages
from handpick.runtime.log import console

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
"""Modules of `handpick.cli`; each has `register(app)`."""


def stage_command(stage: Stage) -> Callable[[datetime], None]:
    """Return the command that runs one stage alone."""

    def command(date: LogicalDate) -> None:
        from handpick.night import Night
        from handpick.pipeline.runner import run_stage
        from handpick.settings.load import load

        run_stage(stage.name, Night(load(), date.date()))

    return command


for _stage in nightly_stages():
    app.command(_stage.command, help=_stage.title, rich_help_panel="Stages")(stage_command(_stage))

for _module in COMMANDS:
    importlib.import_module(f"handpick.cli.{_module}").register(app)


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

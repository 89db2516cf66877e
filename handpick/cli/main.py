"""The `handpick` command: a subcommand per stage, and those that the modules of `handpick.cli` register."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Annotated, NoReturn

import typer

from handpick.cli.options import LogicalDate
from handpick.errors import HandpickError, InputError
from handpick.errors.safe_text import make_showable
from handpick.pipeline.registry import Stage, list_nightly_stages
from handpick.runtime.disk_errors import REMEDIES, find_disk_error
from handpick.runtime.log import console, print_result
from handpick.runtime.private_files import restrict_new_files

app = typer.Typer(
    name="handpick",
    help="Nightly batch recommendations for phone retailers: from raw files to a published top-N table.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

COMMAND_MODULES = (
    "night",
    "status",
    "backfill",
    "lists",
    "versions",
    "demo",
    "imports",
    "inputs",
    "override",
    "experiment",
    "pretrain",
    "mlflow",
    "ablation",
    "doctor",
    "alert",
    "verify",
    "erase",
    "ledger",
    "lineage",
    "env",
    "stages",
    "settings",
)
"""Modules of `handpick.cli` that have `register(app)`, in the order of the help text."""


def _print_version(is_asked: bool) -> None:
    """Print the version and end, if it was asked for."""
    if is_asked:
        from handpick.runtime.installed import describe_version

        print_result(describe_version())
        raise typer.Exit


@app.callback()
def set_options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end."),
    ] = False,
) -> None:
    """Make nightly recommendations for phone retailers: from raw files to a published top-N table."""


def build_stage_command(stage: Stage) -> Callable[[datetime], None]:
    """Return the command that runs one stage alone."""

    def command(date: LogicalDate) -> None:
        from handpick.night import Night
        from handpick.pipeline.runner import run_stage
        from handpick.settings.load import load

        run_stage(stage.name, Night(load(), date.date()))

    return command


def build_renamed_command(stage: Stage) -> Callable[[], None]:
    """Return the command of a stage's former name, which names the new one and runs nothing."""

    def command() -> None:
        raise InputError(
            f"`handpick {stage.former_name}` is now called `handpick {stage.command}`; nothing was run. Use "
            "the new name with the same options."
        )

    return command


for _module in COMMAND_MODULES:
    importlib.import_module(f"handpick.cli.{_module}").register(app)

for _stage in list_nightly_stages():
    app.command(
        _stage.command, help=_stage.title, rich_help_panel="Single stages of a night, in their order"
    )(build_stage_command(_stage))
    if _stage.former_name:
        app.command(
            _stage.former_name,
            hidden=True,
            add_help_option=False,
            # Whatever options are given, the answer is the new name and not a complaint about the options.
            context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
        )(build_renamed_command(_stage))


def print_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Print the traceback of an error that nobody foresaw, without the secrets that its messages may hold."""
    text = "".join(traceback.format_exception(kind, error, trace))
    sys.stderr.write(make_showable(text, keep_breaks=True))


def main() -> None:
    """Run the command line. Errors that a person can fix are one line on standard error and exit status 1.

    With the environment variable `HANDPICK_DEBUG` they are shown with their traceback.
    """
    restrict_new_files()
    sys.excepthook = print_traceback
    try:
        app()
    except HandpickError as error:
        if os.environ.get("HANDPICK_DEBUG"):
            raise
        _end_with(str(error))
    except OSError as error:
        # Stages say what could not be written; this is for what is written around them.
        found = find_disk_error(error)
        if found is None or os.environ.get("HANDPICK_DEBUG"):
            raise
        meaning, where = found
        _end_with(
            f"{meaning}: {where or 'a file'} could not be written. No partial file is left. "
            f"{REMEDIES[meaning]}, then run the command again."
        )


def _end_with(message: str) -> NoReturn:
    """Print an error and exit with status 1."""
    console.print(f"handpick: {make_showable(message)}", style="red")
    sys.exit(1)


if __name__ == "__main__":
    main()

"""`handpick run`, `night`, `up`, `down`, `show`: whole nights, and the Airflow that runs them."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated

import typer

from handpick.cli.options import LogicalDate, date_option
from handpick.runtime.log import SafeConsole, print_result

OptionalDate = Annotated[
    datetime | None,
    date_option("--date", "The logical date. Default: the newest day for which input has arrived."),
]
Rung = Annotated[
    str | None,
    typer.Option(
        help="If there is no input, make a demo shop of this size, XS, S, M or L. Never where a source or "
        "a serving database is configured."
    ),
]


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    panel = "Nights"
    app.command("run", rich_help_panel=panel)(run)
    app.command("night", rich_help_panel=panel)(night)
    app.command("show", rich_help_panel=panel)(show)
    app.command("up", rich_help_panel=panel)(up)
    app.command("down", rich_help_panel=panel)(down)


def run(date: OptionalDate = None, rung: Rung = None) -> None:
    """Run the next night through Airflow and show its summary.

    Without input it stops, or makes a demo shop if `--rung` asks for one.
    """
    from handpick.cli.night_summary import print_night_summary
    from handpick.cli.prepare_input import prepare_input
    from handpick.local_airflow.dag_run import keep_airflow_running, run_night
    from handpick.night import Night
    from handpick.settings.load import load

    settings = load()
    logical_date = prepare_input(settings, rung, date.date() if date else None)
    # An Airflow that was already running stays; one that is started here stops with the night.
    with keep_airflow_running(settings):
        finished = run_night(settings, logical_date)
    out = SafeConsole()
    out.print()
    print_night_summary(Night(settings, logical_date), out, finished.seconds)
    out.print("Next: `make up` opens Airflow on these nights, `make run` runs the next one.")


def night(date: LogicalDate) -> None:
    """Run all stages of a night in this process, without Airflow, and show its summary."""
    from handpick.cli.night_summary import print_night_summary
    from handpick.night import Night
    from handpick.pipeline.registry import list_nightly_names
    from handpick.pipeline.runner import run_stage
    from handpick.settings.load import load

    tonight = Night(load(), date.date())
    began = time.perf_counter()
    # Held from the first stage to the last, so that two whole nights of one date do not take turns.
    with tonight.lock(f"the night of {tonight.logical_date}"):
        for stage in list_nightly_names():
            run_stage(stage, tonight)
    print_night_summary(tonight, SafeConsole(), time.perf_counter() - began)


def show(date: LogicalDate) -> None:
    """Show the summary of a finished night: ledger, evaluation, five example lists."""
    from handpick.cli.night_summary import print_night_summary
    from handpick.night import require_night
    from handpick.settings.load import load

    print_night_summary(require_night(load(), date.date()), SafeConsole())


def up() -> None:
    """Start Airflow with its web UI on 127.0.0.1 and print how to sign in."""
    from handpick.local_airflow.dag_run import print_login
    from handpick.local_airflow.processes import start_airflow
    from handpick.settings.load import load

    settings = load()
    if not start_airflow(settings):
        print_result("Airflow is already running.")
    print_login(settings, SafeConsole())


def down() -> None:
    """Stop the Airflow and the database that `up` or `run` started here, and nothing else."""
    from handpick.local_airflow.processes import stop_airflow
    from handpick.serving.embedded import stop_embedded
    from handpick.settings.load import load

    settings = load()
    stopped = stop_airflow(settings)
    if stop_embedded(settings):
        stopped.append("postgresql")
    print_result(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")

"""`handpick run`, `night`, `up`, `down`, `show`: whole nights, and the Airflow that runs them."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated

import typer
from rich.console import Console

from handpick.cli.options import LogicalDate

MaybeDate = Annotated[
    datetime | None,
    typer.Option(
        "--date", formats=["%Y-%m-%d"], help="The logical date; by default the newest day that has arrived."
    ),
]
Rung = Annotated[str, typer.Option(help="Size of the demo shop, if one has to be made: XS, S, M or L.")]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    panel = "Whole nights"
    app.command("run", rich_help_panel=panel)(run)
    app.command("night", rich_help_panel=panel)(night)
    app.command("show", rich_help_panel=panel)(show)
    app.command("up", rich_help_panel=panel)(up)
    app.command("down", rich_help_panel=panel)(down)


def run(date: MaybeDate = None, rung: Rung = "S") -> None:
    """Run the next night through Airflow and show it; on the first run, make the demo shop unless there is input."""
    from handpick.local_airflow.input import prepare
    from handpick.local_airflow.run import house, run_night
    from handpick.local_airflow.show import show_night
    from handpick.night import Night
    from handpick.settings.load import load

    settings = load()
    logical_date = prepare(settings, rung, date.date() if date else None)
    with house(settings):
        finished = run_night(settings, logical_date)
    out = Console()
    out.print()
    show_night(Night(settings, logical_date), out, finished.seconds)
    out.print("Next: `make up` opens Airflow on these nights, `make run` does the next one.")


def night(date: LogicalDate) -> None:
    """Run all stages of a night one after the other in this process, without Airflow."""
    from handpick.local_airflow.show import show_night
    from handpick.night import Night
    from handpick.pipeline.registry import nightly_names
    from handpick.pipeline.runner import run_stage
    from handpick.settings.load import load

    tonight = Night(load(), date.date())
    began = time.perf_counter()
    for stage in nightly_names():
        run_stage(stage, tonight)
    show_night(tonight, Console(), time.perf_counter() - began)


def show(date: LogicalDate) -> None:
    """Show a finished night: stages, evaluation, five lists."""
    from handpick.local_airflow.show import show_night
    from handpick.night import Night
    from handpick.settings.load import load

    show_night(Night(load(), date.date()), Console())


def up() -> None:
    """Start Airflow with its web UI on 127.0.0.1 and say how to sign in."""
    from handpick.local_airflow.processes import start
    from handpick.local_airflow.run import show_login
    from handpick.settings.load import load

    settings = load()
    if not start(settings):
        typer.echo("Airflow is already up.")
    show_login(settings, Console())


def down() -> None:
    """Stop the Airflow and the database that were started here, and nothing else."""
    from handpick.local_airflow.processes import stop
    from handpick.serving.embedded import stop_embedded
    from handpick.settings.load import load

    settings = load()
    stopped = stop(settings)
    if stop_embedded(settings):
        stopped.append("postgresql")
    typer.echo(f"Stopped: {', '.join(stopped)}." if stopped else "Nothing was running.")

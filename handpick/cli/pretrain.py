"""`handpick pretrain`: new versions of the shop's own encoders, and a measurement of each objective."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from handpick.cli.options import date_option

MaybeDate = Annotated[
    datetime | None,
    date_option("--date", "Train on this night's marts. Default: the newest."),
]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("pretrain", rich_help_panel="Models")(pretrain)


def pretrain(date: MaybeDate = None) -> None:
    """Train new versions of the shop's own encoders, and measure every pretraining objective.

    The new versions serve from the next night on.
    """
    from handpick.dataset.content_tables import find_newest_marts
    from handpick.lake.partitions import Lake
    from handpick.night import Night
    from handpick.pipeline.runner import run_stage
    from handpick.runtime.log import SafeConsole
    from handpick.settings.load import load
    from handpick.stages.pretrain.public import render_objectives

    settings = load()
    day = date.date() if date else find_newest_marts(Lake(settings.path(settings.lake.root)))
    result = run_stage("pretrain", Night(settings, day))
    SafeConsole().print(render_objectives(result.notes["objectives"]))

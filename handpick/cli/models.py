"""`handpick pretrain`: new versions of the encoders that are trained here, and what each objective is worth."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

MaybeDate = Annotated[
    datetime | None,
    typer.Option(
        "--date", formats=["%Y-%m-%d"], help="Learn from this night's marts; by default from the newest."
    ),
]


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("pretrain", rich_help_panel="Models")(pretrain)


def pretrain(date: MaybeDate = None) -> None:
    """Train new versions of the shop's own encoders, which serve from the next night on, and judge every objective."""
    from rich.console import Console

    from handpick.lake.partitions import Lake
    from handpick.night import Night
    from handpick.settings.load import load
    from handpick.stages.pretrain import pretrain as train
    from handpick.stages.pretrain import worth_table
    from handpick.stages.pretrain.corpus import newest_night

    settings = load()
    day = date.date() if date else newest_night(Lake(settings.path(settings.lake.root)))
    Console().print(worth_table(train(Night(settings, day))))

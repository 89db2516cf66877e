"""`handpick ablate`: what each modality, each way of fusing and each pretraining is worth on tonight's data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from handpick.commands.options import LogicalDate


def register(app: typer.Typer) -> None:
    """Add this module's commands."""
    app.command("ablate", rich_help_panel="Models")(ablate)


def ablate(
    date: LogicalDate,
    seeds: Annotated[
        int, typer.Option(min=1, help="Trainings of each variant, with seeds from the configured one.")
    ] = 1,
    only: Annotated[
        list[str] | None, typer.Option(help="Rows whose name holds this word; may be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Keep the table as JSON, too.")] = None,
) -> None:
    """Train without each modality, with each fusion and each pretraining, and draw what it is worth. Publishes nothing.

    The change against the model as configured is over the same test users, with its 95 % bootstrap interval.
    """
    import json

    from rich.console import Console
    from rich.table import Table

    from handpick.config import load
    from handpick.dataset import load_dataset
    from handpick.night import Night
    from handpick.train.ablation import ablate as run
    from handpick.train.ablation import as_json

    night = Night(load(), date.date())
    parts = list(run(night, load_dataset(night), range(night.seed, night.seed + seeds), only or ()))
    names = list(parts[0].slices)
    table = Table(title=f"NDCG@20 of the fusion model on the test window of {date.date()}, {seeds} seed(s)")
    table.add_column("model")
    for name in ("NDCG@20", "change", "95 % interval", *names[1:], "seconds"):
        table.add_column(name, justify="right")
    for part in parts:
        change = part.change
        interval = "" if part is parts[0] else f"{change.low:+.4f} to {change.high:+.4f}"
        difference = "" if part is parts[0] else f"{change.value:+.4f}"
        cells = [f"{part.slices[name]:.4f}" for name in names[1:]]
        table.add_row(part.name, f"{part.ndcg:.4f}", difference, interval, *cells, f"{part.seconds:.0f}")
    Console().print(table)
    if out is not None:
        out.write_text(json.dumps(as_json(parts), indent=1, sort_keys=True) + "\n")

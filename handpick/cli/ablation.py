"""`handpick ablate`: the ablation of modalities, fusions and pretraining objectives on a night's data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from handpick.cli.options import LogicalDate

if TYPE_CHECKING:
    from handpick.stages.train.ablation import AblationRow


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command("ablate", rich_help_panel="Models")(ablate)


def ablate(
    date: LogicalDate,
    seeds: Annotated[
        int,
        typer.Option(min=1, help="Trainings per variant, with consecutive seeds from the configured one."),
    ] = 1,
    only: Annotated[
        list[str] | None, typer.Option(help="Only variants whose name contains this word. May be repeated.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the table to this file, as JSON.")] = None,
) -> None:
    """Train variants of the model (without a modality, another fusion or pretraining) and compare NDCG.

    The change is against the model as configured, on the same test users, with
    its 95 % bootstrap interval. Nothing is published.
    """
    import json

    from handpick.dataset.load import load_dataset
    from handpick.night import Night
    from handpick.runtime.log import SafeConsole
    from handpick.settings.load import load
    from handpick.stages.train.ablation import ablation_to_json, run_ablation

    night = Night(load(), date.date())
    parts: list[AblationRow] = []
    for part in run_ablation(night, load_dataset(night), range(night.seed, night.seed + seeds), only or ()):
        parts.append(part)
        if out is not None:  # after each variant, as all of them can take hours
            out.write_text(json.dumps(ablation_to_json(parts), indent=1, sort_keys=True) + "\n")
    SafeConsole().print(
        build_ablation_table(parts, f"NDCG@20 on the test window of {date.date()}, {seeds} training seed(s)")
    )


def build_ablation_table(parts: Sequence[AblationRow], title: str) -> Table:
    """Build the table for 80 columns: NDCG@20, change and its 95 % interval, NDCG by slice, seconds."""
    # Slices become columns; their underscores become line breaks, so that the table fits the terminal.
    names = [name for name in parts[0].slices if name != "all"]
    drawn = Table(
        title=title, title_justify="left", header_style="bold", box=SIMPLE_HEAD, padding=0, pad_edge=False
    )
    drawn.add_column("model")
    for heading in ("all", "change", "from", "to", *(name.replace("_", "\n") for name in names), "s"):
        drawn.add_column(heading, justify="right", no_wrap=True)
    for part in parts:
        # The first row is the configured model, which the others are compared with.
        change = ("", "", "") if part is parts[0] else (part.change.value, part.change.low, part.change.high)
        numbers = [_short(part.ndcg, 4), *(_short(value, 4) for value in change)]
        drawn.add_row(
            part.name, *numbers, *(_short(part.slices[name], 3) for name in names), f"{part.seconds:.0f}"
        )
    return drawn


def _short(value: float | str, digits: int) -> str:
    """Format a number between -1 and 1 without the 0 before the point; text passes unchanged."""
    return value if isinstance(value, str) else f"{value:.{digits}f}".replace("0.", ".", 1)

"""`handpick demo`: make a simulated phone shop, or simulate one more day of it."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import typer

from handpick.cli.options import date_option
from handpick.runtime.log import print_result


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command("demo", rich_help_panel="Input")(demo)


def demo(
    rung: Annotated[str, typer.Option(help="Size of the shop: XS, S, M or L.")] = "S",
    seed: Annotated[int, typer.Option(help="Random seed; the same seed gives the same bytes.")] = 7,
    days: Annotated[int, typer.Option(help="Days of history.", min=1, max=3650)] = 60,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder in which landing/ and truth/ are made. Default: the configured folders."),
    ] = None,
    catalog: Annotated[
        Path | None,
        typer.Option(
            "--catalog",
            exists=True,
            dir_okay=False,
            help="File of `catalog` rows: the shop sells these real phones.",
        ),
    ] = None,
    end_date: Annotated[
        datetime | None,
        date_option("--end-date", "The last day. Default: 2026-03-01, or the newest day of --catalog."),
    ] = None,
    difficulty: Annotated[
        str, typer.Option(help="How hard preferences are to learn: easy, default or hard.")
    ] = "default",
    media: Annotated[bool, typer.Option("--media/--no-media", help="Make images and spoken queries.")] = True,
    add_day: Annotated[
        bool, typer.Option("--add-day", help="Simulate one more day of the existing shop.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an existing demo shop.")] = False,
) -> None:
    """Make a simulated phone shop (landing files, media, hidden truth), or simulate one more day of it."""
    from handpick.demo import shop
    from handpick.demo.catalogue import plan_catalogue_shop
    from handpick.demo.landing import DemoFolders
    from handpick.demo.parameters import DEFAULT_END, Plan
    from handpick.demo.permission import check_demo_allowed
    from handpick.settings.load import load

    if out is None:
        settings = load()
        check_demo_allowed(settings)
        folders = DemoFolders.configured(settings)
    else:
        folders = DemoFolders.under(out)
    if add_day:
        shop.add_day(folders)
        return
    end = end_date.date() if end_date else None

    # With a catalogue the last day and the digest are only known once its file has been read.
    def plan_of(last: date, digest: str | None = None) -> Plan:
        return Plan.ending(rung, seed, days, last, difficulty, media, digest)

    if catalog is None:
        plan, phones = plan_of(end or DEFAULT_END), None
    else:
        plan, phones = plan_catalogue_shop(catalog, folders.landing, plan_of, end)
    world = shop.generate_shop(plan, folders, overwrite, phones)
    print_result(shop.format_summary(world, folders))

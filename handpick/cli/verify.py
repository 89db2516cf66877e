"""`handpick verify`: compare lake and serving database with what was written, and repair them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from handpick.cli.options import date_option
from handpick.runtime.log import print_result

if TYPE_CHECKING:
    from handpick.pipeline.verify import Inspection

OnlyDate = Annotated[
    datetime | None,
    date_option("--date", "The only logical date to look at. Default: all."),
]
WithRepair = Annotated[
    bool, typer.Option("--repair", help="Run the stages again that write what is damaged, from sound inputs.")
]
WithAdoption = Annotated[
    bool,
    typer.Option("--adopt", help="Store checksums of readable partitions of releases that stored none."),
]


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command("verify", rich_help_panel="Look after it")(verify)


def verify(date: OnlyDate = None, repair: WithRepair = False, adopt: WithAdoption = False) -> None:
    """Compare every byte of the lake, and the served lists, with what was written; name and repair damage.

    The exit status is 1 if anything is damaged at the end.
    """
    from handpick.night import require_night
    from handpick.pipeline.verify import adopt as adopt_partitions
    from handpick.pipeline.verify import inspect_lake
    from handpick.pipeline.verify import repair as repair_damage
    from handpick.settings.load import load

    settings = load()
    day = date.date() if date else None
    inspection = inspect_lake(settings, day)
    if day is not None and not (inspection.partitions or inspection.results or inspection.findings):
        require_night(settings, day)
    print_inspection(inspection)
    if adopt:
        count = adopt_partitions(settings, inspection.findings)
        print_result(f"Stored the checksums of {count} partitions.")
    has_damage = any(finding.is_damage for finding in inspection.findings)
    if has_damage and repair:
        for one in repair_damage(settings, inspection.findings):
            print_result(f"{'repaired' if one.is_mended else 'not repaired'}: {one.subject}: {one.outcome}")
        print_result("After the repair:")
        inspection = inspect_lake(settings, day)
        print_inspection(inspection)
        has_damage = any(finding.is_damage for finding in inspection.findings)
    elif has_damage:
        print_result("`handpick verify --repair` runs the stages again that write what is damaged.")
    if has_damage:
        raise typer.Exit(1)


def print_inspection(inspection: Inspection) -> None:
    """Print what was looked at, and a line for each finding; those without checksums are only counted."""
    from handpick.pipeline.verify import State

    unchecked = [finding for finding in inspection.findings if finding.state is State.UNCHECKED]
    print_result(
        f"{inspection.partitions:,} partitions ({inspection.bytes / 1e6:,.1f} MB), {inspection.results:,} "
        f"results of stages and {inspection.encoders:,} encoders were read."
    )
    compared = [one for one in inspection.served if one.is_comparable]
    if inspection.unserved:
        print_result(f"The serving database was not compared: {inspection.unserved}")
    else:
        rest = len(inspection.served) - len(compared)
        print_result(
            f"{len(compared):,} list versions in the serving database were compared with their lists"
            + (f"; of {rest:,} the lake no longer holds the same lists." if rest else ".")
        )
    for finding in inspection.findings:
        if finding.state is not State.UNCHECKED:
            print_result(f"{finding.state}: {finding.subject}: {finding.problem}")
    if unchecked:
        print_result(
            f"{len(unchecked):,} partitions were written by a release without checksums, the first "
            f"{unchecked[0].subject}. They can be read; `--adopt` stores their checksums, so that later "
            "damage is noticed."
        )
    if not any(finding.is_damage for finding in inspection.findings):
        print_result("Nothing is damaged.")

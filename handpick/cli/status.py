"""`handpick status`: what runs, what is current, what is wrong and who deals with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from handpick.serving.versions import ListVersion
    from handpick.settings.load import Settings
    from handpick.stages.report.verdict import Verdict


@dataclass(frozen=True)
class ShopStatus:
    """What runs, what is current and what is wrong.

    Args:
        shop: The shop's name.
        running: What runs now, a sentence each.
        current: The version that consumers read; None where there is none.
        next_night: What the next night would be, in words.
        verdict: The light, and what needs a person.
    """

    shop: str
    running: list[str]
    current: ListVersion | None
    next_night: str
    verdict: Verdict


def register(app: typer.Typer) -> None:
    """Add this module's command to the command line."""
    app.command("status", rich_help_panel="Nights")(status)


def status() -> None:
    """Show what runs, which lists are current, and what is wrong, with the next step.

    The exit status is 1 if something needs a person now.
    """
    from rich.table import Table
    from rich.text import Text

    from handpick.runtime.log import SafeConsole
    from handpick.settings.load import load
    from handpick.stages.report.verdict import Light

    found = read_status(load(), datetime.now(UTC))
    verdict = found.verdict
    words, style = {
        Light.WELL: ("All well", "bold green"),
        Light.LOOK: ("Look", "bold yellow"),
        Light.ACT: ("Act", "bold red"),
    }[verdict.light]
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row(Text(words, style), verdict.sentence)
    table.add_row("Shop", found.shop)
    table.add_row("Lists", _describe_lists(found.current))
    for number, line in enumerate(found.running or ["Nothing."]):
        table.add_row("" if number else "Runs", line)
    table.add_row("Next", found.next_night)
    for number, finding in enumerate(verdict.findings, 1):
        table.add_row("", "")
        color = "red" if finding.light is Light.ACT else "yellow"
        table.add_row(Text(f"{number}. {finding.light}", color), finding.text)
        table.add_row("", f"→ {finding.next_step} ({finding.owner})")
    SafeConsole().print(table)
    if verdict.light is Light.ACT:
        raise typer.Exit(1)


def _describe_lists(current: ListVersion | None) -> str:
    """Return which lists consumers read, in words."""
    if current is None:
        return "None are published."
    model = f", by the model of {current.model}" if current.model else ""
    return (
        f"Version {current.version} of {current.logical_date}: {current.recommendation_count:,} rows for "
        f"{current.user_count:,} users{model}; published {current.published_at:%Y-%m-%d %H:%M} UTC."
    )


def read_status(settings: Settings, now: datetime) -> ShopStatus:
    """Read what runs, what is current and what is wrong; nothing is started or changed.

    Args:
        settings: All settings.
        now: The present, with a time zone.
    """
    from handpick.errors import HandpickError, InputError
    from handpick.night import Night, list_nights
    from handpick.pipeline.alerts.judge import judge_now
    from handpick.pipeline.next_night import choose_night
    from handpick.stages.report.verdict import drop_unfinished

    nights = list_nights(settings)
    verdict, versions = judge_now(settings, now)
    running = _find_running(settings)
    if nights and (busy := find_running_night(settings, nights[-1])):
        verdict = drop_unfinished(verdict, nights[-1])
        running.insert(0, busy)
    try:
        following = f"The input of {choose_night(settings)} has arrived: `handpick run`."
    except InputError as error:
        following = "Nothing new has arrived." if nights else str(error)
    except HandpickError as error:  # the source does not answer
        following = str(error)
    shop = Night(settings, nights[-1]).shop_name if nights else settings.shop.name
    current = next((one for one in versions if one.is_current), None)
    return ShopStatus(shop, running, current, following, verdict)


def _find_running(settings: Settings) -> list[str]:
    """Return what of Airflow and the database runs, a sentence each."""
    from handpick.local_airflow.environment import build_base_url
    from handpick.local_airflow.processes import COMPONENTS, find_running_components
    from handpick.serving.embedded import is_embedded_alive

    lines = []
    alive = find_running_components(settings)
    if len(alive) == len(COMPONENTS):
        lines.append(f"Airflow, on {build_base_url(settings)}.")
    elif alive:
        gone = ", ".join(name for name in COMPONENTS if name not in alive)
        lines.append(f"A part of Airflow, without {gone}: `handpick up` starts it again.")
    if settings.serving.dsn is None and is_embedded_alive(settings):
        lines.append("The embedded PostgreSQL.")
    return lines


def find_running_night(settings: Settings, newest: date) -> str | None:
    """Return what is running the newest night, as a sentence; None if nothing is."""
    from handpick.errors import HandpickError
    from handpick.lake.locks import find_holders
    from handpick.local_airflow.client import NIGHTLY_DAG_ID, sign_in
    from handpick.local_airflow.processes import COMPONENTS, find_running_components

    holders = find_holders(settings.path(settings.lake.root), f"night-{newest.isoformat()}")
    if holders:
        return f"The night of {newest}: {holders[0]}."
    if len(find_running_components(settings)) < len(COMPONENTS):
        return None
    try:
        # Between two stages nobody holds the night's lock.
        with sign_in(settings) as client:
            run = client.find_newest_run(NIGHTLY_DAG_ID)
    except HandpickError:  # the verdict is still true without it
        return None
    if run is not None and run.state in ("running", "queued") and run.logical_date == newest:
        return f"The night of {newest}: Airflow's run {run.run_id} is {run.state}."
    return None

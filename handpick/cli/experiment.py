"""`handpick experiment`: start, stop and promote experiments, and read what they came to."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from handpick.cli.options import date_option
from handpick.runtime.log import log_progress, print_result

Name = Annotated[str, typer.Argument(help="Name of the experiment, as declared in handpick.toml.")]
Who = Annotated[str, typer.Option(help="Name of the person who decides.")]
Why = Annotated[str, typer.Option(help="The reason, kept with the decision.")]
FirstNight = Annotated[
    datetime | None,
    date_option("--date", "First logical date on which it counts. Default: the first one without lists."),
]


def register(app: typer.Typer) -> None:
    """Add this module's commands to the command line."""
    group = typer.Typer(no_args_is_help=True, help="Compare variants of the lists on randomly chosen users.")
    group.command("start")(start)
    group.command("stop")(stop)
    group.command("promote")(promote)
    app.add_typer(group, name="experiment", rich_help_panel="Models")


def start(name: Name, who: Who, why: Why, date: FirstNight = None) -> None:
    """Start an experiment: from that night on, its users get the lists of their variants."""
    _record(name, "start", who, why, date)


def stop(name: Name, who: Who, why: Why, date: FirstNight = None) -> None:
    """Stop an experiment: from that night on, all get the same lists again."""
    _record(name, "stop", who, why, date)


def promote(
    name: Name,
    variant: Annotated[str, typer.Argument(help="The variant that won.")],
    who: Who,
    why: Why,
    date: FirstNight = None,
) -> None:
    """End an experiment and record which variant won; the gate follows if gate.follow_experiments is set."""
    _record(name, "promote", who, why, date, variant)


def _record(name: str, action: str, who: str, why: str, date: datetime | None, variant: str = "") -> None:
    """Record an action in the lake and in the audit log, and say from when it counts."""
    import psycopg

    from handpick.dataset.experiments.actions import record_action
    from handpick.errors import ServingError
    from handpick.serving.browse import record_action as write_audit_log
    from handpick.settings.load import load

    settings = load()
    done = record_action(
        settings, name, action, who=who, why=why, variant=variant, day=date.date() if date else None
    )
    target = f"experiment {name}" + (f", variant {variant}" if variant else "")
    try:
        write_audit_log(settings, who=done.who, action=action, target=target, why=done.why)
    except (ServingError, psycopg.Error) as error:
        # The lake's record is what nights read, so a database that is away does not undo it.
        log_progress(f"It is not in the audit log of the serving database: {' '.join(str(error).split())}")
    effect = {
        "start": f"{name} runs from the night of {done.night} on",
        "stop": f"{name} ends before the night of {done.night}",
        "promote": f"{name} ends before the night of {done.night}, and {variant} has won",
    }[action]
    if action == "promote":
        follows = settings.gate.follow_experiments
        effect += (
            "; everybody gets its lists from then on"
            if follows
            else "; lists do not change by that, as gate.follow_experiments is off"
        )
    print_result(f"Recorded: {effect}.")

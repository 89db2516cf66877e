"""`handpick experiment`: start, stop and promote experiments, and read what they came to."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from handpick.cli.list_tables import make_table, print_table
from handpick.cli.options import date_option
from handpick.errors import InputError
from handpick.runtime.log import log_progress, print_result

if TYPE_CHECKING:
    from handpick.dataset.experiments.summary import ExperimentSummary

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
    group.command("report")(report)
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


def report(
    name: Annotated[
        str | None, typer.Argument(help="Name of the experiment. Default: all that were started.")
    ] = None,
    date: Annotated[
        datetime | None, date_option("--date", "As of this night. Default: the last one with a report.")
    ] = None,
) -> None:
    """Show what an experiment came to: the finding in words, guardrails, metrics and slices."""
    from handpick.dataset.experiments.summary import summarize_experiments
    from handpick.night import Night, list_nights
    from handpick.settings.load import load

    settings = load()
    nights = list_nights(settings)
    day = date.date() if date else (nights[-1] if nights else None)
    if day is None:
        raise InputError("no night has run yet, so there is nothing to report. `handpick run` runs one.")
    found = summarize_experiments(Night(settings, day), name)
    if not found:
        print_result("No experiment was started. `handpick experiment start` starts one of handpick.toml.")
    for one in found:
        _show(one)


def _show(one: ExperimentSummary) -> None:
    """Print an experiment: its state, the finding of each variant, guardrails and figures."""
    print_result(f"{one.name}: {one.state}")
    for warning in one.warnings:
        print_result(f"  Do not trust it: {warning}.")
    if not one.variants:
        print_result("  Nobody has seen its lists yet.")
    for variant in one.variants:
        print_result(f"  {variant.name} {variant.sentence}.")
        p_value = variant.decides["p_value"]
        if p_value is not None:
            print_result(f"  Always-valid p-value {p_value:.2g}.")
        for name, words, is_broken in variant.guardrails:
            print_result(f"  {'Guardrail broken, ' if is_broken else ''}{name}: {words}.")
        table = make_table(
            f"{variant.name} compared with {one.control}",
            ("metric", "users", variant.name, one.control, "lift", "interval", "narrowed"),
            right=("users", variant.name, one.control, "lift", "interval", "narrowed"),
        )
        for row in (variant.decides, *variant.shown, *variant.slices):
            table.add_row(*_describe_row(row))
        print_table(table)
    for action in one.actions:
        what = f"{action.action} {action.variant}".strip()
        print_result(f"  {action.at[:16].replace('T', ' ')}: {what} by {action.who}: {action.why}")


def _describe_row(row: dict[str, Any]) -> tuple[str, ...]:
    """Return the cells of a row of `experiments/results`; empty where nothing is known."""
    from handpick.dataset.experiments.summary import format_share

    name = row["metric"].replace("_", " ") + ("" if row["slice"] == "all" else f", {row['slice']}")
    is_known = row["lift_low"] is not None
    return (
        name,
        f"{row['users']:,}",
        "" if row["mean"] is None else f"{row['mean']:.4g}",
        "" if row["control_mean"] is None else f"{row['control_mean']:.4g}",
        "" if row["lift"] is None else format_share(row["lift"]),
        f"{format_share(row['lift_low'])} to {format_share(row['lift_high'])}" if is_known else "",
        "" if row["narrowed"] is None else f"{100 * row['narrowed']:.1f} %",
    )


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

"""What an experiment came to, in words and figures, for the report and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from math import isfinite
from statistics import mean
from typing import Any

import pyarrow.compute as pc

from handpick.dataset.experiments.actions import Action, find_end, find_start, read_actions
from handpick.dataset.experiments.measurement import ALL, COVERAGE, RESULTS, RETURNS
from handpick.errors import InputError
from handpick.night import Night
from handpick.pipeline.registry import list_nightly_names
from handpick.settings.experiments import ExperimentSettings
from models.experiments.checks import POWER, SUSPICIOUS

TIME = "time to publish"
NIGHTS_BEFORE = 14
"""Nights before the experiment with which the time to publish is compared."""
SLOWER = 0.2
"""Increase of the time to publish from which the report warns."""
LONGEST_FORECAST_DAYS = 3650.0


@dataclass(frozen=True)
class VariantSummary:
    """A variant compared with the control.

    Args:
        name: The variant.
        sentence: The finding in words.
        is_called: Whether a difference was found.
        decides: The row of `experiments/results` of the deciding metric on the last day.
        days: Its rows of all days.
        shown: Rows of other metrics.
        slices: Rows of slices.
        guardrails: `(name, words, whether it is broken)`.
    """

    name: str
    sentence: str
    is_called: bool
    decides: dict[str, Any]
    days: list[dict[str, Any]]
    shown: list[dict[str, Any]]
    slices: list[dict[str, Any]]
    guardrails: list[tuple[str, str, bool]]


@dataclass(frozen=True)
class ExperimentSummary:
    """An experiment as it stands.

    Args:
        name: Its name.
        state: In words: running, ended, stopped, promoted, not started.
        control: Name of the control.
        metric: The deciding metric.
        warnings: What makes its figures doubtful.
        variants: The other variants; none before anybody was exposed.
        actions: What people did, oldest first.
    """

    name: str
    state: str
    control: str
    metric: str
    warnings: list[str] = field(default_factory=list)
    variants: list[VariantSummary] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)


def summarize_experiments(night: Night, name: str | None = None) -> list[ExperimentSummary]:
    """Summarize the experiments that were started up to a night, or one of any state.

    Raises:
        InputError: If there is no experiment of that name.
    """
    declared = night.settings.experiments
    actions = read_actions(night.lake)
    if name is not None:
        chosen = [one for one in declared if one.name == name]
        if not chosen:
            known = ", ".join(one.name for one in declared) or "none"
            raise InputError(f"there is no experiment {name!r}. Declared in handpick.toml are: {known}.")
        return [_summarize(night, chosen[0], actions)]
    past = [one for one in actions if one.night <= night.logical_date]
    return [_summarize(night, one, actions) for one in declared if find_start(past, one.name) is not None]


def _summarize(night: Night, experiment: ExperimentSettings, actions: list[Action]) -> ExperimentSummary:
    """Summarize an experiment from the results of a night."""
    own = [one for one in actions if one.experiment == experiment.name]
    rows = _read_results(night, experiment.name)
    state, is_over = _describe_state(experiment, own, night.logical_date)
    warnings = []
    ratio = rows[0]["sample_ratio_p"] if rows else 1.0
    if ratio < SUSPICIOUS:
        warnings.append(
            f"the users are not split as declared (a split as uneven has a probability of {ratio:.1g}), "
            "so the assignment or the log of events is broken"
        )
    variants = [
        _summarize_variant(night, experiment, [row for row in rows if row["variant"] == one.name], is_over)
        for one in experiment.variants[1:]
        if any(row["variant"] == one.name for row in rows)
    ]
    control = experiment.control.name
    return ExperimentSummary(experiment.name, state, control, experiment.metric, warnings, variants, own)


def _read_results(night: Night, name: str) -> list[dict[str, Any]]:
    """Return the newest results of an experiment up to a night; none where there are none."""
    made = night.lake.list_dates(RESULTS, night.logical_date)
    if not made:
        return []
    rows = night.lake.read(RESULTS, made[-1])
    found: list[dict[str, Any]] = rows.filter(pc.equal(rows["experiment"], name)).to_pylist()
    return found


def _describe_state(experiment: ExperimentSettings, actions: list[Action], day: date) -> tuple[str, bool]:
    """Return an experiment's state in words, and whether nothing more will come of it."""
    started, ended = find_start(actions, experiment.name), find_end(actions, experiment.name)
    planned = f"{experiment.starts_on} to {experiment.ends_on}"
    if started is None:
        return f"declared for {planned}, not started", False
    if ended is not None:
        what = f"{ended.variant} promoted" if ended.variant else "stopped"
        return f"{what} from {ended.night} by {ended.who}: {ended.why}", ended.night <= day
    if day > experiment.ends_on:
        return f"ended as planned ({planned})", True
    if day < experiment.starts_on:
        return f"started, first lists on {started.night}", False
    days = (experiment.ends_on - experiment.starts_on).days + 1
    return f"runs, night {(day - experiment.starts_on).days + 1} of {days} ({planned})", False


def _summarize_variant(
    night: Night, experiment: ExperimentSettings, rows: list[dict[str, Any]], is_over: bool
) -> VariantSummary:
    """Summarize a variant from its rows of `experiments/results`."""
    days = sorted((row for row in rows if row["role"] == "decides"), key=lambda row: row["event_date"])
    last = days[-1]
    guardrails = [
        _judge_returns(experiment, next((row for row in rows if row["metric"] == RETURNS), None)),
        _judge_coverage(experiment, next((row for row in rows if row["metric"] == COVERAGE), None)),
        _judge_time(night, experiment),
    ]
    return VariantSummary(
        name=last["variant"],
        sentence=_describe_finding(experiment, days, is_over),
        is_called=bool(last["is_called"]),
        decides=last,
        days=days,
        shown=[row for row in rows if row["role"] == "shown" and row["slice"] == ALL],
        slices=[row for row in rows if row["slice"] != ALL],
        guardrails=[one for one in guardrails if one is not None],
    )


def _describe_finding(experiment: ExperimentSettings, days: Sequence[dict[str, Any]], is_over: bool) -> str:
    """Return in words whether a variant differs from the control, and what it takes to know."""
    last, metric = days[-1], experiment.metric.replace("_", " ")
    if last["lift"] is None:
        return f"too few users so far ({last['users']:,} and {last['control_users']:,})"
    measured = f"{format_share(last['lift'])} {metric} compared with {experiment.control.name}"
    interval = (
        f"between {format_share(last['lift_low'])} and {format_share(last['lift_high'])}"
        if last["lift_low"] is not None
        else "with no interval yet"
    )
    if last["is_called"]:
        first = next(row for row in days if row["is_called"])
        return f"differs: {measured}, {interval}; certain since {first['event_date']}"
    if is_over:
        return f"no difference was found: {measured}, {interval}"
    needed = last["days_needed"]
    planned = (experiment.ends_on - experiment.starts_on).days + 1
    more = ""
    if last["power"] is not None:
        more = (
            f"; a difference of {100 * experiment.min_effect:g} % would be found with a probability of "
            f"{100 * last['power']:.0f} % by the end"
        )
    if needed is not None and needed > planned and needed < LONGEST_FORECAST_DAYS:
        more += f", and of {100 * POWER:.0f} % after about {needed:,.0f} days instead of {planned}"
    elif needed is not None and needed <= planned:
        still = max(0, round(needed - len(days)))
        more += f", of {100 * POWER:.0f} % in about {still} more days"
    return f"not decided: {measured}, {interval}{more}"


def format_share(value: float) -> str:
    """Return a relative difference with its sign, in percent."""
    return f"{round(100 * value, 1) + 0.0:+.1f} %"  # 0 is added so that -0.0 is 0.0


def _judge_returns(
    experiment: ExperimentSettings, row: dict[str, Any] | None
) -> tuple[str, str, bool] | None:
    """Return what returns came to, and whether that is too many."""
    if row is None or row["lift"] is None:
        return None
    words = (
        f"{row['mean']:.4f} per user, {row['control_mean']:.4f} in the control ({format_share(row['lift'])}, "
        f"{format_share(row['lift_low'])} to {format_share(row['lift_high'])})"
    )
    # Only where chance is ruled out: returns are few, and their estimate swings widely at first.
    is_broken = row["lift"] > experiment.max_return_increase and row["lift_low"] > 0
    return RETURNS, words, is_broken


def _judge_coverage(
    experiment: ExperimentSettings, row: dict[str, Any] | None
) -> tuple[str, str, bool] | None:
    """Return how many phones are on the lists, and whether these are too few."""
    if row is None or not row["control_mean"]:
        return None
    share = row["mean"] / row["control_mean"]
    words = (
        f"{row['mean']:,.0f} different phones on the lists of {row['users']:,} users, "
        f"{row['control_mean']:,.0f} on as many of the control"
    )
    return COVERAGE, words, share < experiment.min_coverage


def _judge_time(night: Night, experiment: ExperimentSettings) -> tuple[str, str, bool] | None:
    """Return how long nights took up to the published lists, before and with the experiment."""
    during = _measure_seconds(night, experiment.starts_on, min(night.logical_date, experiment.ends_on))
    first = experiment.starts_on - timedelta(days=NIGHTS_BEFORE)
    before = _measure_seconds(night, first, experiment.starts_on - timedelta(days=1))
    if not during:
        return None
    words = f"{mean(during):.0f} s a night"
    if not before:
        return TIME, words, False
    return TIME, f"{words}, {mean(before):.0f} s before", mean(during) > (1 + SLOWER) * mean(before)


def _measure_seconds(night: Night, first: date, last: date) -> list[float]:
    """Return the seconds of work of each night of a period, from landing to the published lists."""
    names = list_nightly_names(through="publish")
    found = []
    for number in range((last - first).days + 1):
        other = Night(night.settings, first + timedelta(days=number))
        if all(other.has_result(name) for name in names):
            found.append(sum(other.result(name).seconds for name in names))
    return [seconds for seconds in found if isfinite(seconds)]

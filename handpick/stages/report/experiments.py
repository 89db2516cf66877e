"""Measures the experiments of a night, and shows them in its report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from handpick.dataset.experiments.actions import find_start, read_actions
from handpick.dataset.experiments.measurement import RESULTS, measure_experiments
from handpick.dataset.experiments.outcomes import OUTCOMES, collect_outcomes
from handpick.dataset.experiments.summary import ExperimentSummary
from handpick.ledger.flows import Flow
from handpick.night import Night
from handpick.stages.report.plots import plot_by_night

MAX_WIDTH_RATIO = 6.0
"""Widest interval that the plot shows, as a multiple of the last day's."""


def update_experiments(night: Night) -> tuple[Flow, ...]:
    """Collect what users of experiments did tonight, and measure every experiment that was started.

    Returns:
        The ledger lines; none, and no table, on a night before any experiment was started.
    """
    actions = [one for one in read_actions(night.lake) if one.night <= night.logical_date]
    if not any(find_start(actions, one.name) for one in night.settings.experiments):
        return ()
    outcomes = collect_outcomes(night)
    night.lake.write(OUTCOMES, night.logical_date, outcomes)
    results = measure_experiments(night)
    night.lake.write(RESULTS, night.logical_date, results)
    return tuple(
        Flow(name, len(rows), len(rows))
        for name, rows in (("outcomes of experiments", outcomes), ("results of experiments", results))
    )


def plot_experiment(summary: ExperimentSummary) -> Markup:
    """Plot the lift of each variant with its interval by day; empty before there is an interval."""
    series = {
        variant.name: {
            row["event_date"].isoformat(): tuple(
                100 * row[name] for name in ("lift", "lift_low", "lift_high")
            )
            for row in _select_legible(variant.days)
        }
        for variant in summary.variants
    }
    series = {name: days for name, days in series.items() if days}
    if not series:
        return Markup("")
    title = f"{summary.metric.replace('_', ' ')} compared with {summary.control}, by day"
    return plot_by_night(series, title, "%", starts_at_zero=False)


def _select_legible(days: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the days whose interval is not so wide that the others could not be seen beside it."""
    known = [row for row in days if row["lift_low"] is not None]
    widths = [row["lift_high"] - row["lift_low"] for row in known]
    return [row for row, width in zip(known, widths, strict=True) if width <= MAX_WIDTH_RATIO * widths[-1]]

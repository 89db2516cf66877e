"""The report page: a verdict in words first, then what is behind it, from the lake and the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
from markupsafe import Markup

from handpick.dataset.experiments.summary import summarize_experiments
from handpick.errors import DamagedData
from handpick.lake.partitions import PARTITION_PREFIX, parse_partition_date
from handpick.ledger.flows import StageResult
from handpick.night import LEDGER_FOLDER, Night
from handpick.runtime.html import render_page
from handpick.stages.gate.public import Decision, read_decision
from handpick.stages.report import find_stage_pages, plots
from handpick.stages.report.drift import MIN_REFERENCE, read_comparison
from handpick.stages.report.example_users import (
    choose_example_users,
    find_launched_items,
    join_list_with_items,
)
from handpick.stages.report.experiments import plot_experiment
from handpick.stages.report.slices import explain_slices, find_twins
from handpick.stages.report.summary import BLEND, Quality, summarize_night
from handpick.stages.validate.public import MIN_NIGHTS, compute_rule_rates

METRIC, K = "ndcg", 20
TREND_NIGHTS = 30


def render_report(night: Night, results: Sequence[StageResult], card: str | None) -> str:
    """Render the page as HTML text; sections whose stage has not run are left out.

    Args:
        night: The night.
        results: Its stages' results, in order.
        card: File name of the model card to link to, None if there is none.
    """
    decision = (
        read_decision(night.lake, night.logical_date) if night.lake.has("gate", night.logical_date) else None
    )
    summary = summarize_night(night)
    return render_page(
        "handpick.stages.report",
        "report_page.html",
        shop=night.shop_name,
        is_demo=night.is_demo,
        date=night.logical_date.isoformat(),
        currency=night.settings.shop.currency,
        summary=summary,
        verdict=summary.verdict,
        quality=None if summary.quality is None else Quality(**summary.quality),
        results=results,
        seconds=sum(result.seconds for result in results),
        loading=sum(float(result.notes.get("loading_seconds", 0)) for result in results),
        evaluation=_evaluation(night),
        gate=decision,
        is_own_model=decision is not None and decision.champion_date == night.logical_date,
        blend=_serving_blend(night, decision),
        curves=_plot_curves(night),
        card=card,
        people=_example_lists(night),
        trends=_plot_trends(night),
        drift=read_comparison(night.lake, night.logical_date),
        nights_per_false_alarm=night.settings.drift.nights_per_false_alarm,
        min_drift_nights=MIN_NIGHTS + MIN_REFERENCE,
        experiments=[(one, plot_experiment(one)) for one in summarize_experiments(night)],
        links=[(name.replace("_", " "), page.as_uri()) for name, page in find_stage_pages(results).items()],
    )


def _serving_blend(night: Night, decision: Decision | None) -> dict[str, Any] | None:
    """Return the blend that made tonight's lists, which is that of the champion's night."""
    if decision is None or decision.champion_date is None:
        return None
    return _read_json(Night(night.settings, decision.champion_date), "evaluation", "blend.json")


def _find_file(night: Night, table: str, name: str) -> Path | None:
    """Return a file of one of the night's partitions, None where it does not exist."""
    file = night.lake.partition(table, night.logical_date) / name
    return file if file.is_file() else None


def _read_json(night: Night, table: str, name: str) -> dict[str, Any] | None:
    """Return the content of a JSON file of one of the night's partitions, None where it does not exist."""
    file = _find_file(night, table, name)
    return json.loads(file.read_text()) if file else None


def _evaluation(night: Night) -> dict[str, Any] | None:
    """Return the slices, the models best first with their cells, and the plot of NDCG over all users."""
    file = _find_file(night, "evaluation", "metrics.parquet")
    if file is None:
        return None
    metrics = pq.read_table(file)
    rows = metrics.filter(pc.and_(pc.equal(metrics["metric"], METRIC), pc.equal(metrics["k"], K))).to_pylist()
    slices = list(dict.fromkeys(row["slice"] for row in rows))
    cells = {(row["member"], row["slice"]): row for row in rows}
    overall = {row["member"]: row for row in rows if row["slice"] == "all"}
    # Not every model is measured on every slice: missing cells stay empty.
    members = sorted(overall, key=lambda member: -overall[member]["value"])
    values = {member: plots.read_interval(row) for member, row in overall.items()}
    return {
        "slices": [
            (name, max(cells[m, name]["users"] for m in members if (m, name) in cells)) for name in slices
        ],
        "members": [(member, [cells.get((member, name)) for name in slices]) for member in members],
        "explained": explain_slices(slices, night.is_demo),
        "twins": find_twins([(row["member"], row["slice"], row["value"], row["users"]) for row in rows]),
        "blend": BLEND,
        "plot": plots.plot_intervals(
            values, f"NDCG@{K} over all test users, with 95 % intervals", marked=BLEND
        ),
    }


def _plot_curves(night: Night) -> Markup | None:
    """Plot the fusion model's learning curves; None where there are none."""
    training = _read_json(night, "models", "training.json")
    if not training or not training.get("curves"):
        return None
    return plots.plot_learning_curves(training["curves"])


def _example_lists(night: Night) -> list[dict[str, Any]]:
    """Return a few example users, each with the reason for the choice and the top of their list."""
    if not night.lake.has("lists/recommendations", night.logical_date):
        return []
    lists = night.lake.read("lists/recommendations", night.logical_date)
    items = night.lake.read("marts/dim_item", night.logical_date)
    users = night.lake.read("marts/dim_user", night.logical_date)
    launched = find_launched_items(items, night.logical_date)
    return [
        {
            "user_id": user_id,
            "about": about,
            "rows": join_list_with_items(lists, items, user_id, 10),
            "launched": launched,
        }
        for user_id, about in choose_example_users(lists, users, launched)
    ]


@dataclass
class Trends:
    """What the last nights looked like.

    Args:
        plots: SVG plots.
        problems: Why a night or a plot is left out.
    """

    plots: list[Markup] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def _plot_trends(night: Night) -> Trends:
    """Plot quarantined shares by source and by rule, and seconds by stage, over the last nights.

    A night whose results are damaged costs only its own place in the plots.
    """
    trends = Trends()
    dropped: dict[str, dict[str, float]] = {}
    seconds: dict[str, dict[str, float]] = {}
    for day, results in _read_last_results(night, trends.problems):
        for result in results:
            # Tonight's report is not finished while it is plotted, so reports are left out of all nights.
            if result.stage != "report":
                seconds.setdefault(result.stage, {})[day] = result.seconds
            if result.stage != "validate":
                continue
            for flow in result.flows:
                if flow.rows_in:
                    dropped.setdefault(flow.source, {})[day] = 100 * flow.rows_dropped / flow.rows_in
    if not dropped:
        return trends
    trends.plots.append(plots.plot_by_night(dropped, "Rows quarantined", "% of the rows of a source"))
    try:
        rates = compute_rule_rates(night, TREND_NIGHTS)
        trends.plots.append(plots.plot_by_night(rates, "Rules broken", "% of the rows of a source"))
    except DamagedData as error:
        trends.problems.append(f"The plot of broken rules is left out: {error}")
    trends.plots.append(plots.plot_by_night(seconds, "Seconds by stage", "seconds"))
    return trends


def _read_last_results(night: Night, problems: list[str]) -> Iterator[tuple[str, list[StageResult]]]:
    """Yield the dates and results of the last nights, oldest first; what cannot be read is a problem."""
    folders = (night.lake.root / LEDGER_FOLDER).glob(f"{PARTITION_PREFIX}*")
    days = []
    for folder in folders:
        try:
            days.append(parse_partition_date(folder))
        except DamagedData as error:
            problems.append(str(error))
    for day in sorted(day for day in days if day <= night.logical_date)[-TREND_NIGHTS:]:
        try:
            yield day.isoformat(), Night(night.settings, day).results()
        except DamagedData as error:
            problems.append(f"The night of {day} is left out of the trends: {error}")

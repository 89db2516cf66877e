"""Collects what a night left behind and renders the report page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
from markupsafe import Markup

from handpick.ledger.flows import StageResult
from handpick.night import Night
from handpick.stages.report import plots, stage_pages
from handpick.stages.report.example_users import chosen_users, launched_on, list_rows
from handpick.stages.report.html import interval, rendered
from handpick.stages.validate.trends import rule_rates

METRIC, K = "ndcg", 20
TREND_NIGHTS = 30


def render(night: Night, results: Sequence[StageResult], card: str | None) -> str:
    """The page as HTML text, with a link to the model card; sections whose stage has not run are left out."""
    return rendered(
        "page.html",
        shop=night.settings.shop.name,
        date=night.logical_date.isoformat(),
        currency=night.settings.shop.currency,
        results=results,
        seconds=sum(result.seconds for result in results),
        loading=sum(float(result.notes.get("loading_seconds", 0)) for result in results),
        evaluation=_evaluation(night),
        gate=_json(night, "gate", "decision.json"),
        blend=_json(night, "evaluation", "blend.json"),
        curves=_curves(night),
        card=card,
        people=_people(night),
        trends=_trends(night),
        links=[(name.replace("_", " "), page.as_uri()) for name, page in stage_pages(results).items()],
    )


def _file(night: Night, table: str, name: str) -> Path | None:
    file = night.lake.partition(table, night.logical_date) / name
    return file if file.is_file() else None


def _json(night: Night, table: str, name: str) -> dict[str, Any] | None:
    file = _file(night, table, name)
    return json.loads(file.read_text()) if file else None


def _evaluation(night: Night) -> dict[str, Any] | None:
    """The slices, the members best first with their cells, and the plot of NDCG on all users."""
    file = _file(night, "evaluation", "metrics.parquet")
    if file is None:
        return None
    metrics = pq.read_table(file)
    rows = metrics.filter(pc.and_(pc.equal(metrics["metric"], METRIC), pc.equal(metrics["k"], K))).to_pylist()
    slices = list(dict.fromkeys(row["slice"] for row in rows))
    cells = {(row["member"], row["slice"]): row for row in rows}
    overall = {row["member"]: row for row in rows if row["slice"] == "all"}
    members = sorted(overall, key=lambda member: -overall[member]["value"])
    values = {member: interval(row) for member, row in overall.items()}
    return {
        "slices": [
            (name, max(cells[m, name]["users"] for m in members if (m, name) in cells)) for name in slices
        ],
        "members": [(member, [cells.get((member, name)) for name in slices]) for member in members],
        "plot": Markup(plots.intervals(values, f"NDCG@{K}, all users, 95 % interval")),
    }


def _curves(night: Night) -> Markup | None:
    training = _json(night, "models", "training.json")
    if not training or not training.get("curves"):
        return None
    return Markup(plots.learning_curves(training["curves"]))


def _people(night: Night) -> list[dict[str, Any]]:
    """A few users with what we know of them and the top of their list."""
    if not night.lake.has("lists/recommendations", night.logical_date):
        return []
    lists = night.lake.read("lists/recommendations", night.logical_date)
    items = night.lake.read("marts/dim_item", night.logical_date)
    users = night.lake.read("marts/dim_user", night.logical_date)
    launched = launched_on(items, night.logical_date)
    return [
        {
            "user_id": user_id,
            "about": about,
            "rows": list_rows(lists, items, user_id, 10),
            "launched": launched,
        }
        for user_id, about in chosen_users(lists, users, launched)
    ]


def _trends(night: Night) -> list[Markup]:
    """Dropped share of each source at validation, and seconds of each stage, over the last nights."""
    folder = night.result_file("land").parent.parent
    nights = sorted(
        path for path in folder.glob("logical_date=*") if path.name[13:] <= night.logical_date.isoformat()
    )
    dropped: dict[str, dict[str, float]] = {}
    seconds: dict[str, dict[str, float]] = {}
    for path in nights[-TREND_NIGHTS:]:
        day = path.name[13:]
        for file in sorted(path.glob("*.json")):
            result = StageResult.from_json(file.read_text())
            if result.stage != "report":
                seconds.setdefault(result.stage, {})[day] = result.seconds
            if result.stage != "validate":
                continue
            for flow in result.flows:
                if flow.rows_in:
                    dropped.setdefault(flow.source, {})[day] = 100 * flow.rows_dropped / flow.rows_in
    if not dropped:
        return []
    return [
        Markup(plots.by_night(dropped, "Rows quarantined", "% of rows")),
        Markup(plots.by_night(rule_rates(night, TREND_NIGHTS), "Rules broken", "% of rows")),
        Markup(plots.by_night(seconds, "Seconds by stage", "s")),
    ]

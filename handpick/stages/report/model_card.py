"""The model card: what tonight's fusion model is, what it was trained on, and how well it does on each slice.

After Mitchell et al., "Model cards for model reporting", FAT* 2019.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from handpick.dataset.time_split import compute_time_split
from handpick.night import Night
from handpick.runtime.html import render_page
from handpick.stages.gate.public import read_decision
from handpick.stages.report import plots

MODEL, K = "fusion", 20
RANKING = ("ndcg", "recall", "mrr", "hit_rate")
BEYOND_ACCURACY = (
    "coverage",
    "gini",
    "novelty",
    "diversity",
    "calibration_error",
    "brand_disparity",
    "price_disparity",
)
RIVALS = ("popularity", "content", "oracle")


def render_card(night: Night) -> str | None:
    """Render the card as HTML text; None for a night without an evaluated fusion model."""
    file = night.lake.partition("evaluation", night.logical_date) / "metrics.parquet"
    training = night.lake.partition("models", night.logical_date) / "training.json"
    if not file.is_file() or not training.is_file():
        return None
    metrics = pq.read_table(file)
    rows = metrics.filter(pc.equal(metrics["k"], K)).to_pylist()
    values = {(row["member"], row["slice"], row["metric"]): row for row in rows}
    if (MODEL, "all", "ndcg") not in values:
        return None
    slices = [name for member, name, metric in values if member == MODEL and metric == "ndcg"]
    slices.sort(key=lambda name: (name != "all", name))  # all users first
    curves = json.loads(training.read_text()).get("curves") or {}
    return render_page(
        "handpick.stages.report",
        "model_card.html",
        shop=night.shop_name,
        date=night.logical_date.isoformat(),
        fusion=night.settings.fusion.model_dump(),
        training=night.settings.training.model_dump(),
        decision=read_decision(night.lake, night.logical_date)
        if night.lake.has("gate", night.logical_date)
        else None,
        digest=night.result("train").digest,
        flow=night.result("train").flows[0],
        windows=_last_days(night),
        metrics=RANKING,
        slices=[_slice_row(name, values) for name in slices],
        plot=plots.plot_intervals(
            {name: plots.read_interval(values[MODEL, name, "ndcg"]) for name in slices},
            "NDCG@20 of the fusion model by slice, with 95 % intervals",
        ),
        beyond_accuracy=[
            (name, values[MODEL, "all", name]["value"])
            for name in BEYOND_ACCURACY
            if (MODEL, "all", name) in values
        ],
        curves=plots.plot_learning_curves(curves) if curves else None,
    )


def _last_days(night: Night) -> dict[str, str]:
    """Return the last day of each window, in ISO form."""
    cut = compute_time_split(night)
    ends = {"training": cut.train_end, "validation": cut.validation_end, "test": cut.test_end}
    # Ends are exclusive: one second earlier is still on the last day.
    return {name: datetime.fromtimestamp(end - 1, UTC).date().isoformat() for name, end in ends.items()}


def _slice_row(name: str, values: dict[tuple[str, str, str], dict[str, Any]]) -> dict[str, Any]:
    """Return one row of the table: the model's ranking metrics, and NDCG of its rivals."""
    rivals = {rival: values.get((rival, name, "ndcg")) for rival in RIVALS}
    return {
        "name": name,
        "users": values[MODEL, name, "ndcg"]["users"],
        "own": [values[MODEL, name, metric] for metric in RANKING],
        "rivals": [(rival, row["value"] if row else None) for rival, row in rivals.items()],
    }

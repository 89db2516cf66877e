"""The rows of `evaluation/metrics.parquet`: every model by slice and metric, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from handpick.settings.evaluate import EvaluateSettings
from handpick.stages.evaluate.model_comparison import ModelLists
from handpick.stages.evaluate.off_policy import OffPolicyLog, estimate_click_rates
from models.dataset import FloatArray
from models.evaluation.bootstrap import bootstrap_intervals
from models.evaluation.calibration import compute_calibration_error, fit_logistic
from models.evaluation.coverage import compute_coverage, compute_gini_index
from models.evaluation.diversity import compute_diversity
from models.evaluation.fairness import assign_price_bands, compute_disparity, number_groups
from models.evaluation.hits import find_hits
from models.evaluation.metrics import RANKING_METRICS
from models.evaluation.novelty import compute_novelty, compute_serendipity
from models.evaluation.split import EvaluationSplit
from models.hybrids.features_combined import build_content_matrix

METRICS_SCHEMA = pa.schema(
    [
        ("member", pa.string()),
        ("slice", pa.string()),
        ("metric", pa.string()),
        ("k", pa.int32()),
        ("value", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("users", pa.int64()),
    ]
)

Row = dict[str, Any]


def build_metrics_table(
    entries: Mapping[str, ModelLists],
    test: EvaluationSplit,
    impressions: OffPolicyLog,
    settings: EvaluateSettings,
    seed: int,
) -> pa.Table:
    """Return all metrics as a table of `METRICS_SCHEMA`, sorted by member, slice, metric and k.

    Args:
        entries: The compared lists by model; `popularity` among them.
        test: The test split.
        impressions: What was shown and clicked in its window.
        settings: Cutoffs and resamples.
        seed: Seed of the bootstrap.
    """
    rows = compute_ranking_rows(entries, test, settings, seed)
    # Without the first column, which is the constant 1 of the regression.
    vectors = build_content_matrix(test.past)[:, 1:]
    for name, entry in entries.items():
        rows += _beyond_accuracy_rows(
            name, entry, entries["popularity"], test, vectors=vectors, k=settings.gate_cutoff
        )
    rows += _off_policy_rows(entries, impressions, settings, seed)
    ordered = sorted(rows, key=lambda row: (row["member"], row["slice"], row["metric"], row["k"]))
    return pa.Table.from_pylist(ordered, METRICS_SCHEMA)


def compute_ranking_rows(
    entries: Mapping[str, ModelLists], test: EvaluationSplit, settings: EvaluateSettings, seed: int
) -> list[Row]:
    """Return ranking metrics of every model and slice, with bootstrap intervals over the slice's users."""
    rows: list[Row] = []
    for name, relevant in test.slices.items():
        users = np.flatnonzero(np.diff(relevant.indptr))
        if not len(users):
            continue
        keys, columns = [], []
        for member, entry in entries.items():
            hits = find_hits(entry.lists[users], relevant[users])
            for metric, function in RANKING_METRICS.items():
                for k in settings.cutoffs:
                    keys.append((member, metric, k))
                    columns.append(function(hits, k))
        # One call for all columns: the same resampled users serve every model and metric of a slice.
        for (member, metric, k), bounds in zip(
            keys, bootstrap_intervals(np.stack(columns, axis=1), settings.resamples, seed), strict=True
        ):
            rows.append(
                _metric_row(
                    member,
                    name,
                    metric,
                    k,
                    value=bounds.value,
                    users=len(users),
                    low=bounds.low,
                    high=bounds.high,
                )
            )
    return rows


def _metric_row(
    member: str,
    part: str,
    metric: str,
    k: int,
    *,
    value: float,
    users: int,
    low: float | None = None,
    high: float | None = None,
) -> Row:
    """Return one row of the table; NaN becomes null."""
    return {
        "member": member, "slice": part, "metric": metric, "k": k,
        "value": None if np.isnan(value) else float(value), "low": low, "high": high, "users": users,
    }  # fmt: skip


def _beyond_accuracy_rows(
    name: str, entry: ModelLists, popular: ModelLists, test: EvaluationSplit, *, vectors: FloatArray, k: int
) -> list[Row]:
    """Return metrics of lists beyond accuracy, over all users."""
    past = test.past
    lists = entry.lists[:, :k]
    # Users who know each item, each pair of item and user once.
    met = np.unique(past.interactions.positive().item * len(past.users) + past.interactions.positive().user)
    known_by = np.bincount(met // max(len(past.users), 1), minlength=len(past.catalogue))
    values = {
        "coverage": compute_coverage(lists, test.candidates),
        "gini": compute_gini_index(lists, test.candidates),
        "novelty": compute_novelty(lists, known_by, len(past.users)).mean(),
        "diversity": compute_diversity(lists, vectors).mean(),
        "serendipity": compute_serendipity(lists, popular.lists[:, :k], test.relevant).mean(),
        "brand_disparity": compute_disparity(lists, number_groups(past.catalogue.brand), test.relevant),
        "price_disparity": compute_disparity(lists, assign_price_bands(past.catalogue.price), test.relevant),
    }
    if entry.scores is not None:
        values["calibration_error"] = _measure_calibration(entry.scores[:, :k], lists, test.relevant)
    return [
        _metric_row(name, "all", metric, k, value=float(value), users=len(lists))
        for metric, value in values.items()
    ]


def _measure_calibration(scores: FloatArray, lists: NDArray[np.int32], relevant: sparse.csr_matrix) -> float:
    """Return the expected calibration error of the listed scores.

    A logistic curve from scores to hit rates is fitted on every other user and tested on the rest.
    """
    hit = np.zeros(lists.shape, bool)
    hits = find_hits(lists, relevant)
    hit[hits.user, hits.rank] = True
    listed = lists >= 0
    fitted, tested = (np.arange(len(lists))[:, None] % 2 == part for part in (0, 1))
    curve = fit_logistic(scores[listed & fitted].astype(np.float64), hit[listed & fitted])
    probabilities = curve(scores[listed & tested].astype(np.float64))
    return compute_calibration_error(probabilities, hit[listed & tested])


def _off_policy_rows(
    entries: Mapping[str, ModelLists], impressions: OffPolicyLog, settings: EvaluateSettings, seed: int
) -> list[Row]:
    """Return off-policy estimates of every model's click rate, with their intervals."""
    k = settings.gate_cutoff
    found = estimate_click_rates(entries, impressions, k, settings.resamples, seed)
    return [
        _metric_row(
            member,
            "all",
            metric,
            k,
            value=bounds.value,
            users=users,
            low=None if np.isnan(bounds.low) else bounds.low,
            high=None if np.isnan(bounds.high) else bounds.high,
        )
        for member, metrics in found.items()
        for metric, (bounds, users) in metrics.items()
    ]

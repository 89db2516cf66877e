"""The rows of `evaluation/metrics.parquet`: every entry of the arena by slice and metric, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy import sparse

from handpick.settings.evaluate import EvaluateSettings
from handpick.stages.evaluate.model_comparison import Entry
from handpick.stages.evaluate.off_policy import Exposed, click_rates
from models.data import FloatArray
from models.evaluation.bootstrap import intervals
from models.evaluation.calibration import calibration_error, fit_logistic
from models.evaluation.coverage import coverage, gini
from models.evaluation.diversity import diversity
from models.evaluation.fairness import disparity, groups_of, price_bands
from models.evaluation.lists import judge
from models.evaluation.metrics import RANKING
from models.evaluation.novelty import novelty, serendipity
from models.evaluation.split import Exam
from models.hybrids.features_combined import content_matrix

SCHEMA = pa.schema(
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


def figures(
    entries: Mapping[str, Entry], test: Exam, seen: Exposed, settings: EvaluateSettings, seed: int
) -> pa.Table:
    """All figures, sorted by member, slice, metric and k.

    Args:
        entries: The arena's lists by name; `popularity` among them.
        test: The exam.
        seen: What was shown and clicked in the window.
        settings: Cutoffs and resamples.
        seed: Of the bootstrap.
    """
    rows = ranking_rows(entries, test, settings, seed)
    vectors = content_matrix(test.past)[:, 1:]
    for name, entry in entries.items():
        rows += _list_rows(name, entry, entries["popularity"], test, vectors=vectors, k=settings.gate_cutoff)
    rows += _exposure_rows(entries, seen, settings, seed)
    ordered = sorted(rows, key=lambda row: (row["member"], row["slice"], row["metric"], row["k"]))
    return pa.Table.from_pylist(ordered, SCHEMA)


def ranking_rows(
    entries: Mapping[str, Entry], test: Exam, settings: EvaluateSettings, seed: int
) -> list[Row]:
    """Ranking metrics of every entry on every slice, each with its bootstrap interval over the slice's users."""
    rows: list[Row] = []
    for name, relevant in test.slices.items():
        users = np.flatnonzero(np.diff(relevant.indptr))
        if not len(users):
            continue
        keys, columns = [], []
        for member, entry in entries.items():
            judged = judge(entry.lists[users], relevant[users])
            for metric, function in RANKING.items():
                for k in settings.cutoffs:
                    keys.append((member, metric, k))
                    columns.append(function(judged, k))
        for (member, metric, k), bounds in zip(
            keys, intervals(np.stack(columns, axis=1), settings.resamples, seed), strict=True
        ):
            rows.append(
                _row(
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


def _row(
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
    return {
        "member": member, "slice": part, "metric": metric, "k": k,
        "value": None if np.isnan(value) else float(value), "low": low, "high": high, "users": users,
    }  # fmt: skip


def _list_rows(
    name: str, entry: Entry, popular: Entry, test: Exam, *, vectors: FloatArray, k: int
) -> list[Row]:
    """What can be said about lists beside their hits, for all users."""
    past = test.past
    lists = entry.lists[:, :k]
    met = np.unique(past.interactions.positive().item * len(past.users) + past.interactions.positive().user)
    known_by = np.bincount(met // max(len(past.users), 1), minlength=len(past.catalogue))
    values = {
        "coverage": coverage(lists, test.candidates),
        "gini": gini(lists, test.candidates),
        "novelty": novelty(lists, known_by, len(past.users)).mean(),
        "diversity": diversity(lists, vectors).mean(),
        "serendipity": serendipity(lists, popular.lists[:, :k], test.relevant).mean(),
        "brand_disparity": disparity(lists, groups_of(past.catalogue.brand), test.relevant),
        "price_disparity": disparity(lists, price_bands(past.catalogue.price), test.relevant),
    }
    if entry.scores is not None:
        values["calibration_error"] = _calibration(entry.scores[:, :k], lists, test.relevant)
    return [
        _row(name, "all", metric, k, value=float(value), users=len(lists)) for metric, value in values.items()
    ]


def _calibration(scores: FloatArray, lists: NDArray[np.int32], relevant: sparse.csr_matrix) -> float:
    """Calibration error of the listed scores; the curve is drawn on every other user and tested on the rest."""
    hit = np.zeros(lists.shape, bool)
    judged = judge(lists, relevant)
    hit[judged.user, judged.rank] = True
    listed = lists >= 0
    learners, others = (np.arange(len(lists))[:, None] % 2 == part for part in (0, 1))
    curve = fit_logistic(scores[listed & learners].astype(np.float64), hit[listed & learners])
    chances = curve(scores[listed & others].astype(np.float64))
    return calibration_error(chances, hit[listed & others])


def _exposure_rows(
    entries: Mapping[str, Entry], seen: Exposed, settings: EvaluateSettings, seed: int
) -> list[Row]:
    """What was clicked among what was shown, corrected for what is shown, and where."""
    k = settings.gate_cutoff
    found = click_rates(entries, seen, k, settings.resamples, seed)
    return [
        _row(
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

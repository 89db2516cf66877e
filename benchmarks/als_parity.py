"""Compares `implicit`'s ALS through the family's interface with the library itself, on MovieLens-100k."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.public_interactions import (
    build_dataset,
    build_matrix,
    compute_relative_positions,
    load_movielens,
)
from models.collaborative.als import Als
from models.config import AlsConfig
from models.dataset import BoolArray, FloatArray, Interactions
from models.evaluation.hits import find_hits
from models.evaluation.ndcg import ndcg_at_k
from models.evaluation.recall import recall_at_k
from models.topn.dense import find_top_n_of_scores

K = 20
GRID = [
    (dim, regularization, alpha) for dim in (32, 64) for regularization in (0.1, 5.0) for alpha in (1.0, 8.0)
]


def measure() -> dict[str, Any]:
    """Measure NDCG@20 and Recall@20 of both, tuned on validation, and their largest relative difference."""
    events = load_movielens()
    share = compute_relative_positions(events)
    train, validation, test = (share < 0.7), (share >= 0.7) & (share < 0.8), share >= 0.8
    best = max(GRID, key=lambda setting: _measure_library(events, train, validation, setting)[1])
    known = train | validation
    direct = _measure_library(events, known, test, best)
    through = _measure_member(events, known, test, best)
    return {
        "largest_difference": max(abs(a / b - 1) for a, b in zip(through, direct, strict=True)),
        "direct_recall_20": direct[0],
        "direct_ndcg_20": direct[1],
        "interface_recall_20": through[0],
        "interface_ndcg_20": through[1],
        "dim": best[0],
        "regularization": best[1],
        "alpha": best[2],
    }


def _measure_library(
    events: Interactions, known: BoolArray, relevant: BoolArray, setting: tuple[int, float, float]
) -> tuple[float, float]:
    """Return Recall@20 and NDCG@20 of the library used directly, with the family's preference weights."""
    from implicit.als import AlternatingLeastSquares

    dim, regularization, alpha = setting
    shape = (int(events.user.max()) + 1, int(events.item.max()) + 1)
    pairs = build_matrix(events, known, shape)
    model = AlternatingLeastSquares(
        factors=dim, regularization=regularization, alpha=alpha, iterations=12, num_threads=1, random_state=7
    )
    # The family weighs a pair by log(1 + weight); with weights of 1 that is log 2.
    model.fit((pairs * np.float32(np.log(2))).tocsr(), show_progress=False)
    scores = np.asarray(model.user_factors) @ np.asarray(model.item_factors).T
    return _measure_quality(scores, pairs, build_matrix(events, relevant, shape))


def _measure_member(
    events: Interactions, known: BoolArray, relevant: BoolArray, setting: tuple[int, float, float]
) -> tuple[float, float]:
    """Return Recall@20 and NDCG@20 of the family's member on a dataset of the same pairs."""
    dim, regularization, alpha = setting
    shape = (int(events.user.max()) + 1, int(events.item.max()) + 1)
    data = build_dataset(events.where(known), *shape)
    member = Als(AlsConfig(dim=dim, regularization=regularization, alpha=alpha, iterations=12)).fit(data, 7)
    scores = member.score(data, np.arange(shape[0]))
    return _measure_quality(scores, build_matrix(events, known, shape), build_matrix(events, relevant, shape))


def _measure_quality(
    scores: FloatArray, known: sparse.csr_matrix, relevant: sparse.csr_matrix
) -> tuple[float, float]:
    users = np.flatnonzero(np.diff(relevant.indptr))
    hits = find_hits(find_top_n_of_scores(scores[users].astype(np.float32), K, known[users]), relevant[users])
    return float(recall_at_k(hits, K).mean()), float(ndcg_at_k(hits, K).mean())

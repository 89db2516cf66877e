"""Compares `implicit`'s ALS through the family's interface with the library called directly, on MovieLens-100k."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from benchmarks.public_interactions import dataset, matrix, movielens, temporal_share
from models.collaborative.als import Als
from models.config import AlsConfig
from models.data import BoolArray, FloatArray, Interactions
from models.evaluation.lists import judge
from models.evaluation.ndcg import ndcg
from models.evaluation.recall import recall
from models.topn.dense import top_of_scores

K = 20
GRID = [
    (dim, regularization, alpha) for dim in (32, 64) for regularization in (0.1, 5.0) for alpha in (1.0, 8.0)
]


def measure() -> dict[str, Any]:
    """Measure NDCG@20 and Recall@20 of both, tuned on validation, and the largest relative difference between them."""
    events = movielens()
    share = temporal_share(events)
    train, validation, test = (share < 0.7), (share >= 0.7) & (share < 0.8), share >= 0.8
    best = max(GRID, key=lambda setting: _direct(events, train, validation, setting)[1])
    known = train | validation
    direct = _direct(events, known, test, best)
    through = _through(events, known, test, best)
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


def _direct(
    events: Interactions, known: BoolArray, wanted: BoolArray, setting: tuple[int, float, float]
) -> tuple[float, float]:
    """Return Recall@20 and NDCG@20 of the library, used as in its documentation, with the family's preference weights."""
    from implicit.als import AlternatingLeastSquares

    dim, regularization, alpha = setting
    shape = (int(events.user.max()) + 1, int(events.item.max()) + 1)
    pairs = matrix(events, known, shape)
    model = AlternatingLeastSquares(
        factors=dim, regularization=regularization, alpha=alpha, iterations=12, num_threads=1, random_state=7
    )
    model.fit((pairs * np.float32(np.log(2))).tocsr(), show_progress=False)
    scores = np.asarray(model.user_factors) @ np.asarray(model.item_factors).T
    return _quality(scores, pairs, matrix(events, wanted, shape))


def _through(
    events: Interactions, known: BoolArray, wanted: BoolArray, setting: tuple[int, float, float]
) -> tuple[float, float]:
    """Return Recall@20 and NDCG@20 of the family's member on a dataset of the same pairs."""
    dim, regularization, alpha = setting
    shape = (int(events.user.max()) + 1, int(events.item.max()) + 1)
    data = dataset(events.where(known), *shape)
    member = Als(AlsConfig(dim=dim, regularization=regularization, alpha=alpha, iterations=12)).fit(data, 7)
    scores = member.score(data, np.arange(shape[0]))
    return _quality(scores, matrix(events, known, shape), matrix(events, wanted, shape))


def _quality(scores: FloatArray, known: sparse.csr_matrix, wanted: sparse.csr_matrix) -> tuple[float, float]:
    asked = np.flatnonzero(np.diff(wanted.indptr))
    judged = judge(top_of_scores(scores[asked].astype(np.float32), K, known[asked]), wanted[asked])
    return float(recall(judged, K).mean()), float(ndcg(judged, K).mean())

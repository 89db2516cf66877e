"""`implicit`'s ALS through the family's interface against the library called directly, on MovieLens-100k."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow.csv as pc
from scipy import sparse

from benchmarks.face import DATA
from models.collaborative.als import Als
from models.config import AlsConfig
from models.data import BoolArray, Catalogue, Dataset, FloatArray, Interactions, Queries, Users
from models.evaluation.lists import judge, top_of_scores
from models.evaluation.ndcg import ndcg
from models.evaluation.recall import recall

K = 20
GRID = [
    (dim, regularization, alpha) for dim in (32, 64) for regularization in (0.1, 5.0) for alpha in (1.0, 8.0)
]


def measure() -> dict[str, Any]:
    """NDCG@20 and Recall@20 of both, tuned on validation, and the largest difference between them."""
    events = _events()
    order = np.lexsort((events.item, events.at, events.user))
    events = Interactions(
        *(column[order] for column in (events.user, events.item, events.event_type, events.weight, events.at))
    )
    place = np.arange(len(events)) - np.searchsorted(events.user, events.user)
    share = place / np.bincount(events.user)[events.user]
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


def _events() -> Interactions:
    table = pc.read_csv(
        DATA / "movielens-100k" / "ml-100k.inter", parse_options=pc.ParseOptions(delimiter="\t")
    )
    columns = {name.split(":")[0]: table[name].to_numpy() for name in table.column_names}
    user = np.unique(columns["user_id"], return_inverse=True)[1].astype(np.int64)
    item = np.unique(columns["item_id"], return_inverse=True)[1].astype(np.int64)
    rows = len(user)
    return Interactions(
        user,
        item,
        np.full(rows, 1, np.int8),
        np.ones(rows, np.float32),
        columns["timestamp"].astype(np.int64),
    )


def _dataset(events: Interactions, users: int, items: int) -> Dataset:
    nothing = np.zeros((0,), np.int64)
    return Dataset(
        Catalogue(
            np.array([f"{n:05d}" for n in range(items)]),
            {},
            np.zeros(items, np.float32),
            np.full(items, ""),
            np.zeros(items, np.int64),
            np.ones(items, bool),
            np.zeros((items, 0), np.float32),
        ),
        Users(
            np.array([f"{n:05d}" for n in range(users)]),
            np.zeros((users, 0), np.float32),
            (),
            np.full(users, ""),
            np.full(users, ""),
            np.full(users, -1),
            np.zeros(users, np.int64),
            np.ones(users, bool),
        ),
        events,
        Queries(nothing, nothing, {}, nothing.astype(str), nothing.astype(str)),
        as_of=int(events.at.max()) + 1,
    )


def _matrix(events: Interactions, keep: BoolArray, shape: tuple[int, int]) -> sparse.csr_matrix:
    matrix = sparse.csr_matrix(
        (np.ones(keep.sum(), np.float32), (events.user[keep], events.item[keep])), shape=shape
    )
    matrix.data[:] = 1
    return matrix


def _direct(
    events: Interactions, known: BoolArray, wanted: BoolArray, setting: tuple[int, float, float]
) -> tuple[float, float]:
    """The library as its documentation has it; preferences as the family weighs them."""
    from implicit.als import AlternatingLeastSquares

    dim, regularization, alpha = setting
    shape = (int(events.user.max()) + 1, int(events.item.max()) + 1)
    matrix = _matrix(events, known, shape)
    model = AlternatingLeastSquares(
        factors=dim, regularization=regularization, alpha=alpha, iterations=12, num_threads=1, random_state=7
    )
    model.fit((matrix * np.float32(np.log(2))).tocsr(), show_progress=False)
    scores = np.asarray(model.user_factors) @ np.asarray(model.item_factors).T
    return _quality(scores, matrix, _matrix(events, wanted, shape))


def _through(
    events: Interactions, known: BoolArray, wanted: BoolArray, setting: tuple[int, float, float]
) -> tuple[float, float]:
    """The family's member on a dataset of the same pairs."""
    dim, regularization, alpha = setting
    shape = (int(events.user.max()) + 1, int(events.item.max()) + 1)
    data = _dataset(events.where(known), *shape)
    member = Als(AlsConfig(dim=dim, regularization=regularization, alpha=alpha, iterations=12)).fit(data, 7)
    scores = member.score(data, np.arange(shape[0]))
    return _quality(scores, _matrix(events, known, shape), _matrix(events, wanted, shape))


def _quality(scores: FloatArray, known: sparse.csr_matrix, wanted: sparse.csr_matrix) -> tuple[float, float]:
    asked = np.flatnonzero(np.diff(wanted.indptr))
    judged = judge(top_of_scores(scores[asked].astype(np.float32), K, known[asked]), wanted[asked])
    return float(recall(judged, K).mean()), float(ndcg(judged, K).mean())

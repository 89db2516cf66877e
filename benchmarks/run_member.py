"""Measures one member of the model comparison in its own process: `python -m benchmarks.run_member SPLIT MEMBER`.

Prints one line of JSON.
"""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from benchmarks import gowalla as filters
from benchmarks.model_comparison import LARGE
from benchmarks.public_interactions import dataset, gowalla, matrix, movielens, temporal_share
from models.config import FamilyConfig
from models.data import Interactions
from models.evaluation.lists import judge
from models.evaluation.ndcg import ndcg
from models.evaluation.recall import recall
from models.family import CLASSES
from models.topn.dense import top_of_scores

K, BLOCK, SEED = 20, 1024, 7
WHOLE = 2048
"""Maximum number of items for exact item-item matrices: more than MovieLens has."""
FILTERS = {"filter": filters.BEST, "filter_fast": filters.FAST}


def main(split: str, member: str) -> None:
    """Fit a member on a split, rank all items and print the measurements."""
    train, known, wanted = _gowalla() if split == "gowalla" else _movielens()
    began = time.perf_counter()
    if member in FILTERS:
        fitted = began
        lists = filters.lists(known, FILTERS[member], np.arange(known.shape[0]))
    elif member == "two_stage":
        data = dataset(train, *known.shape)
        made = filters.hybrid().fit(data, SEED)
        fitted = time.perf_counter()
        lists = made.top_n(data, np.arange(known.shape[0]), K)
    else:
        lists, fitted = _member(member, train, known, LARGE if split == "gowalla" else {})
    ended = time.perf_counter()
    asked = np.flatnonzero(np.diff(wanted.indptr))
    judged = judge(lists[asked], wanted[asked])
    figures = {
        "recall_20": float(recall(judged, K).mean()),
        "ndcg_20": float(ndcg(judged, K).mean()),
        "fit_seconds": fitted - began,
        "score_seconds": ended - fitted,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(figures))


def _member(
    name: str, train: Interactions, known: sparse.csr_matrix, settings: dict[str, dict[str, float]]
) -> tuple[NDArray[np.int32], float]:
    config = getattr(FamilyConfig(), name).model_copy(update={"rank": WHOLE, **settings.get(name, {})})
    data = dataset(train, *known.shape)
    member = CLASSES[name](config).fit(data, SEED)
    fitted = time.perf_counter()
    users = np.arange(known.shape[0])
    blocks = (users[start : start + BLOCK] for start in range(0, len(users), BLOCK))
    return np.vstack([top_of_scores(member.score(data, rows), K, known[rows]) for rows in blocks]), fitted


def _gowalla() -> tuple[Interactions, sparse.csr_matrix, sparse.csr_matrix]:
    return gowalla("train"), filters.read("train"), filters.read("test")


def _movielens() -> tuple[Interactions, sparse.csr_matrix, sparse.csr_matrix]:
    events = movielens()
    is_test = temporal_share(events) >= 0.8
    shape = (int(events.user.max()) + 1, int(events.item.max()) + 1)
    return events.where(~is_test), matrix(events, ~is_test, shape), matrix(events, is_test, shape)


if __name__ == "__main__":
    main(*sys.argv[1:])

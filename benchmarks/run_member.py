"""Measures one member of the model comparison: `python -m benchmarks.run_member SPLIT MEMBER`.

It runs in its own process, so that its peak memory is its own.

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
from benchmarks.model_comparison import LARGE_SETTINGS
from benchmarks.public_interactions import (
    build_dataset,
    build_matrix,
    compute_relative_positions,
    load_gowalla,
    load_movielens,
)
from models.config import FamilyConfig
from models.dataset import Interactions
from models.evaluation.hits import find_hits
from models.evaluation.ndcg import ndcg_at_k
from models.evaluation.recall import recall_at_k
from models.member_registry import MEMBER_CLASSES
from models.topn.dense import find_top_n_of_scores

K, BLOCK, SEED = 20, 1024, 7
MAX_EXACT_ITEMS = 2048
"""Maximum number of items for exact item-item matrices: more than MovieLens has."""
FILTERS = {"filter": filters.BEST, "filter_fast": filters.FAST}


def main(split: str, member: str) -> None:
    """Fit a member on a split, rank all items and print the measurements."""
    train, known, relevant = _load_gowalla_split() if split == "gowalla" else _load_movielens_split()
    began = time.perf_counter()
    if member in FILTERS:
        fitted = began  # a filter has no separate fitting
        lists = filters.filter_lists(known, FILTERS[member], np.arange(known.shape[0]))
    elif member == "two_stage":
        data = build_dataset(train, *known.shape)
        model = filters.make_hybrid().fit(data, SEED)
        fitted = time.perf_counter()
        lists = model.top_n(data, np.arange(known.shape[0]), K)
    else:
        lists, fitted = _fit_member(member, train, known, LARGE_SETTINGS if split == "gowalla" else {})
    ended = time.perf_counter()
    users = np.flatnonzero(np.diff(relevant.indptr))
    hits = find_hits(lists[users], relevant[users])
    figures = {
        "recall_20": float(recall_at_k(hits, K).mean()),
        "ndcg_20": float(ndcg_at_k(hits, K).mean()),
        "fit_seconds": fitted - began,
        "score_seconds": ended - fitted,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    print(json.dumps(figures))


def _fit_member(
    name: str, train: Interactions, known: sparse.csr_matrix, settings: dict[str, dict[str, float]]
) -> tuple[NDArray[np.int32], float]:
    config = getattr(FamilyConfig(), name).model_copy(
        update={"rank": MAX_EXACT_ITEMS, **settings.get(name, {})}
    )
    data = build_dataset(train, *known.shape)
    member = MEMBER_CLASSES[name](config).fit(data, SEED)
    fitted = time.perf_counter()
    users = np.arange(known.shape[0])
    blocks = (users[start : start + BLOCK] for start in range(0, len(users), BLOCK))
    return np.vstack(
        [find_top_n_of_scores(member.score(data, rows), K, known[rows]) for rows in blocks]
    ), fitted


def _load_gowalla_split() -> tuple[Interactions, sparse.csr_matrix, sparse.csr_matrix]:
    return load_gowalla("train"), filters.read_pairs("train"), filters.read_pairs("test")


def _load_movielens_split() -> tuple[Interactions, sparse.csr_matrix, sparse.csr_matrix]:
    events = load_movielens()
    is_test = compute_relative_positions(events) >= 0.8
    shape = (int(events.user.max()) + 1, int(events.item.max()) + 1)
    return events.where(~is_test), build_matrix(events, ~is_test, shape), build_matrix(events, is_test, shape)


if __name__ == "__main__":
    main(*sys.argv[1:])

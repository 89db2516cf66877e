"""Compares the nightly hybrid with every member of its family on the demo shop's test week, by slice."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.evaluated_nights import get_evaluated_night
from handpick.dataset.evaluation_splits import build_test_split, build_validation_split
from handpick.dataset.load import load_dataset
from handpick.stages.evaluate.blend_storage import load_blend
from handpick.stages.evaluate.model_comparison import ModelLists, rank_models
from models.evaluation.bootstrap import bootstrap_intervals
from models.evaluation.hits import find_hits
from models.evaluation.ndcg import ndcg_at_k

K = 20


def measure() -> dict[str, Any]:
    """Measure NDCG@20 of the hybrid and of the best member by slice.

    The slices where a member is significantly better are counted.
    """
    night = get_evaluated_night("S")
    data = load_dataset(night)
    blend = load_blend(night, night.logical_date, "selection")
    test = build_test_split(night, data)
    family = night.settings.family.model_copy(update={"hybrids": ()})
    entries = rank_models(blend, build_validation_split(night, data), test, family, seed=night.seed, k=K)
    figures: dict[str, Any] = {}
    beaten = 0
    for name, relevant in test.slices.items():
        users = np.flatnonzero(np.diff(relevant.indptr))
        if not len(users):
            continue
        gains = {member: _user_ndcg(entry, users, relevant) for member, entry in entries.items()}
        members = [member for member in gains if member != "weighted"]
        best = max(members, key=lambda member: gains[member].mean())
        differences = np.stack([gains["weighted"] - gains[member] for member in members], axis=1)
        above = [
            member
            for member, one in zip(members, bootstrap_intervals(differences), strict=True)
            if one.high < 0  # the interval of the hybrid's gain lies below 0
        ]
        beaten += bool(above)
        figures[f"{name}_hybrid"] = float(gains["weighted"].mean())
        figures[f"{name}_best_member"] = float(gains[best].mean())
        figures[f"{name}_best_member_is"] = best
        figures[f"{name}_users"] = len(users)
    figures["slices_where_a_member_is_better"] = beaten
    figures["hybrid_over_best_member"] = figures["all_hybrid"] / figures["all_best_member"]
    return figures


def _user_ndcg(entry: ModelLists, users: np.ndarray, relevant: Any) -> np.ndarray:
    return np.asarray(ndcg_at_k(find_hits(entry.lists[users], relevant[users]), K), float)

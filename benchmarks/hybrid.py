"""Compares the nightly hybrid with every single member of its family on the demo shop's test week, by slice."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.evaluated_nights import evaluated
from handpick.dataset.load import load_dataset
from handpick.dataset.splits import test_exam, validation_exam
from handpick.stages.evaluate.blend import load_blend
from handpick.stages.evaluate.model_comparison import Entry, compete
from models.evaluation.bootstrap import intervals
from models.evaluation.lists import judge
from models.evaluation.ndcg import ndcg

K = 20


def measure() -> dict[str, Any]:
    """Measure per slice NDCG@20 of the hybrid and of the best member, and count slices where a member is significantly better."""
    night = evaluated("S")
    data = load_dataset(night)
    blend = load_blend(night, night.logical_date, "selection")
    exam = test_exam(night, data)
    family = night.settings.family.model_copy(update={"hybrids": ()})
    entries = compete(blend, validation_exam(night, data), exam, family, seed=night.seed, k=K)
    figures: dict[str, Any] = {}
    beaten = 0
    for name, relevant in exam.slices.items():
        users = np.flatnonzero(np.diff(relevant.indptr))
        if not len(users):
            continue
        gains = {member: _gain(entry, users, relevant) for member, entry in entries.items()}
        members = [member for member in gains if member != "weighted"]
        best = max(members, key=lambda member: gains[member].mean())
        differences = np.stack([gains["weighted"] - gains[member] for member in members], axis=1)
        above = [member for member, one in zip(members, intervals(differences), strict=True) if one.high < 0]
        beaten += bool(above)
        figures[f"{name}_hybrid"] = float(gains["weighted"].mean())
        figures[f"{name}_best_member"] = float(gains[best].mean())
        figures[f"{name}_best_member_is"] = best
        figures[f"{name}_users"] = len(users)
    figures["slices_where_a_member_is_better"] = beaten
    figures["hybrid_over_best_member"] = figures["all_hybrid"] / figures["all_best_member"]
    return figures


def _gain(entry: Entry, users: np.ndarray, relevant: Any) -> np.ndarray:
    return np.asarray(ndcg(judge(entry.lists[users], relevant[users]), K), float)

"""Sanity checks: broken and degenerate challengers are refused whatever their metrics are."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple, get_args

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from handpick.night import Night
from handpick.settings.gate import GateSettings
from models.config import MEMBERS
from models.dataset import BoolArray
from models.evaluation.coverage import compute_coverage
from models.evaluation.split import EvaluationSplit
from models.recommender_interface import Factors

Lists = NDArray[np.int32]
SIMPLE_MEMBERS = frozenset(get_args(MEMBERS))
"""Single members of the family, by the name in the evaluation: no hybrids, no fusion model, no oracle."""


class ModelResult(NamedTuple):
    """A model's results on tonight's test split.

    Args:
        lists: `(users, k) int32` items, best first, -1 where there are fewer.
        ndcg: `(users,) float64` by slice, NaN for users outside it.
        is_finite: Whether all factors were finite.
    """

    lists: Lists
    ndcg: dict[str, NDArray[np.float64]]
    is_finite: bool


def has_finite_factors(factors: Factors) -> bool:
    """Return whether no factor is NaN or infinite."""
    return bool(np.isfinite(factors.users).all() and np.isfinite(factors.items).all())


def run_sanity_checks(
    challenger: ModelResult,
    popularity: ModelResult,
    champion: ModelResult | None,
    *,
    is_warm: BoolArray,
    candidates: BoolArray,
    settings: GateSettings,
) -> list[str]:
    """Run all checks on the challenger.

    Args:
        challenger: Results of tonight's model.
        popularity: Results of the baseline.
        champion: Results of the champion, None where there is none.
        is_warm: `(users,)` whether the user has events in training.
        candidates: `(items,)` items on sale.
        settings: Thresholds.

    Returns:
        One line for each check that failed.
    """
    found = []
    if not challenger.is_finite:
        found.append("its scores hold NaN or infinite values")
    short = (challenger.lists < 0).any(axis=1).mean()
    # Short lists are normal where there are hardly more candidates than places.
    if short > 0.01 and candidates.sum() > 2 * challenger.lists.shape[1]:
        found.append(f"{short:.0%} of its lists are shorter than {challenger.lists.shape[1]}")
    # Users without events may all get the same list; only those of warm users must differ.
    warm = challenger.lists[is_warm]
    if len(warm) > 1:
        alike = measure_identical_share(warm)
        if alike > settings.max_identical_lists:
            found.append(f"constant lists: {alike:.0%} of warm users get the same list")
        shared = measure_list_overlap(warm, popularity.lists[is_warm]).mean()
        if shared > settings.max_popularity_overlap:
            found.append(f"copy of popularity: {shared:.0%} of the listed phones are on popularity's lists")
    shown = compute_coverage(challenger.lists, candidates)
    # The lists of a few users cannot show much of a large catalogue.
    showable = min(1.0, challenger.lists.size / max(int(candidates.sum()), 1))
    if shown < settings.min_coverage * showable:
        found.append(f"coverage collapsed: {shown:.1%} of the phones on sale are on any list")
    if champion is not None:
        before = compute_coverage(champion.lists, candidates)
        if shown < settings.min_relative_coverage * before:
            found.append(
                f"coverage collapsed: {shown:.1%} of the phones on sale, the champion shows {before:.1%}"
            )
    return found


def measure_identical_share(lists: Lists) -> float:
    """Return the share of users whose list, as a set, is the most common one."""
    # Sorted, so that the order of a list does not matter.
    _, counts = np.unique(np.sort(lists, axis=1), axis=0, return_counts=True)
    return float(counts.max() / len(lists))


def measure_list_overlap(lists: Lists, others: Lists) -> NDArray[np.float64]:
    """Return the share of each list's items that are on the user's other list, `(users,)`."""
    both = (lists[:, :, None] == others[:, None, :]) & (lists >= 0)[:, :, None]
    return both.any(axis=2).sum(axis=1) / np.maximum((lists >= 0).sum(axis=1), 1)


def find_suspected_leak(night: Night, challenger: ModelResult, champion: ModelResult | None) -> list[str]:
    """Return a reason if NDCG is implausibly high.

    That is far above the champion, or without a champion far above every simple member.
    """
    settings = night.settings.gate
    own = float(np.nanmean(challenger.ndcg["all"]))
    if champion is not None:
        theirs = float(np.nanmean(champion.ndcg["all"]))
        if own > (1 + settings.implausible_gain) * theirs:
            # Models hardly improve by that much from one night to the next: a leak of the test window is
            # likelier.
            return [
                f"suspected leak: NDCG {own:.4f} is {own / max(theirs, 1e-9) - 1:+.0%} against the "
                f"champion's {theirs:.4f}"
            ]
        return []
    file = night.lake.partition("evaluation", night.logical_date) / "metrics.parquet"
    rows = pq.read_table(file).to_pylist()
    cutoff = night.settings.evaluate.gate_cutoff
    simple = [
        row["value"]
        for row in rows
        if (row["metric"], row["k"], row["slice"]) == ("ndcg", cutoff, "all")
        and row["member"] in SIMPLE_MEMBERS
    ]
    best = max(simple, default=0.0)
    if best and own > settings.implausible_ratio * best:
        return [
            f"suspected leak: NDCG {own:.4f} is {own / best:.1f} times the best simple member's {best:.4f}"
        ]
    return []


def find_truncated_data(night: Night, test: EvaluationSplit, previous: date | None) -> list[str]:
    """Return a reason if there are far fewer test users than on the champion's night."""
    if previous is None:
        return []
    file = night.lake.partition("evaluation", previous) / "users.parquet"
    if not file.is_file():
        return []
    night.lake.check("evaluation", [previous])
    before = pq.read_metadata(file).num_rows
    if len(test.users) < night.settings.gate.min_relative_users * before:
        return [
            f"truncated data: {len(test.users):,} test users, on the champion's night there were {before:,}"
        ]
    return []

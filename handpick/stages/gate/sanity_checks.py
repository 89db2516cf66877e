"""What is refused whatever the metrics say: broken and degenerate challengers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from handpick.settings.gate import GateSettings
from models.data import BoolArray
from models.evaluation.coverage import coverage
from models.interface import Factors

Lists = NDArray[np.int32]


class Contestant(NamedTuple):
    """Lists on tonight's exam.

    Args:
        lists: `(users, k)`.
        ndcg: `(users,)` for all relevant items, and by slice with NaN for users outside it.
        is_finite: Whether all factors were finite.
    """

    lists: Lists
    ndcg: dict[str, NDArray[np.float64]]
    is_finite: bool


def is_finite(factors: Factors) -> bool:
    """Whether no factor is NaN or infinite."""
    return bool(np.isfinite(factors.users).all() and np.isfinite(factors.items).all())


def complaints(
    challenger: Contestant,
    popularity: Contestant,
    champion: Contestant | None,
    *,
    is_warm: BoolArray,
    candidates: BoolArray,
    settings: GateSettings,
) -> list[str]:
    """One line for each thing that makes the challenger unfit; none for a healthy one."""
    found = []
    if not challenger.is_finite:
        found.append("its scores hold NaN or infinite values")
    short = (challenger.lists < 0).any(axis=1).mean()
    if short > 0.01 and candidates.sum() > 2 * challenger.lists.shape[1]:
        found.append(f"{short:.0%} of its lists are shorter than {challenger.lists.shape[1]}")
    warm = challenger.lists[is_warm]
    if len(warm) > 1:
        alike = most_alike(warm)
        if alike > settings.most_alike:
            found.append(f"constant lists: {alike:.0%} of warm users get the very same one")
        shared = overlap(warm, popularity.lists[is_warm]).mean()
        if shared > settings.most_popular:
            found.append(f"popularity in disguise: {shared:.0%} of the places are popularity's")
    shown = coverage(challenger.lists, candidates)
    if shown < settings.least_coverage:
        found.append(f"coverage collapsed: {shown:.1%} of the phones on sale are on any list")
    if champion is not None:
        before = coverage(champion.lists, candidates)
        if shown < settings.coverage_drop * before:
            found.append(
                f"coverage collapsed: {shown:.1%} of the phones on sale, the champion shows {before:.1%}"
            )
    return found


def most_alike(lists: Lists) -> float:
    """Share of users whose list, as a set, is the most common one."""
    _, counts = np.unique(np.sort(lists, axis=1), axis=0, return_counts=True)
    return float(counts.max() / len(lists))


def overlap(lists: Lists, others: Lists) -> NDArray[np.float64]:
    """`(users,)` share of each list's items that are on the other list."""
    both = (lists[:, :, None] == others[:, None, :]) & (lists >= 0)[:, :, None]
    return both.any(axis=2).sum(axis=1) / np.maximum((lists >= 0).sum(axis=1), 1)

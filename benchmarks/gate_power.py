"""Measures how often the gate promotes a truly worse, and a truly better, challenger over simulated nights.

A night is a set of test users with a few relevant items each. The champion's list contains each of them with
some probability, at a random rank. The challenger's list is the champion's, with a share of the relevant
items drawn again with a probability that makes the expected NDCG@20 lower or higher by the stated amount. The
part that the two lists share makes the comparison paired, so the changed share is reported with the results.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from handpick.settings.gate import GateSettings
from handpick.stages.gate.noninferiority import check_noninferiority
from handpick.stages.gate.sanity_checks import ModelResult
from models.evaluation.hits import find_hits
from models.evaluation.ndcg import ndcg_at_k

NIGHTS, USERS, FEWER_USERS, ITEMS, K = 200, 5000, 2000, 600, 20
CHANGED_SHARE = 0.35
"""Share of relevant items whose rank differs between champion and challenger."""
HIT_PROBABILITY = 0.45
SLICES = {"warm": 0.85, "cold_item": 0.25, "cold_user": 0.12, "query_only": 0.07, "launch_week": 0.15}


def measure() -> dict[str, Any]:
    """Measure the share of nights with a promotion at -2 % and +2 % true NDCG, with two numbers of users."""
    figures: dict[str, Any] = {"nights": NIGHTS, "users": USERS, "changed_share": CHANGED_SHARE}
    for users, suffix in ((USERS, ""), (FEWER_USERS, f"_{FEWER_USERS}_users")):
        for change, name in ((-0.02, "worse"), (0.02, "better")):
            share, gain = _measure_promotions(change, users)
            figures[f"{name}_promoted{suffix}"] = share
            figures[f"{name}_measured_change{suffix}"] = gain
    return figures


def _measure_promotions(change: float, users: int) -> tuple[float, float]:
    """Return the share of nights with a promotion, and the mean measured change of NDCG."""
    settings = GateSettings()
    promoted, gains = 0, []
    for number in range(NIGHTS):
        champion, challenger, popularity = _simulate_night(
            change, users, np.random.default_rng([number, users])
        )
        reasons, _ = check_noninferiority(challenger, popularity, champion, settings, number)
        promoted += not reasons
        gains.append(np.nanmean(challenger.ndcg["all"]) / np.nanmean(champion.ndcg["all"]) - 1)
    return promoted / NIGHTS, float(np.mean(gains))


def _simulate_night(
    change: float, users: int, random: np.random.Generator
) -> tuple[ModelResult, ModelResult, ModelResult]:
    """Simulate champion, challenger and popularity on the same users."""
    counts = 1 + random.poisson(1.2, users)
    user = np.repeat(np.arange(users), counts)
    kinds = {name: random.random(users) < share for name, share in SLICES.items()}
    place = _draw_ranks(len(user), HIT_PROBABILITY, random)
    again = random.random(len(user)) < CHANGED_SHARE
    # Only the redrawn share can carry the change, so its probability changes by 1 / CHANGED_SHARE as much.
    redrawn = _draw_ranks(len(user), HIT_PROBABILITY * (1 + change / CHANGED_SHARE), random)
    weak = _draw_ranks(len(user), HIT_PROBABILITY * 0.4, random)
    made = []
    for places in (place, np.where(again, redrawn, place), weak):
        values = _compute_ndcg(user, places, counts)
        by_slice = {name: np.where(kept, values, np.nan) for name, kept in kinds.items()}
        # The test reads NDCG only; lists are left empty.
        made.append(ModelResult(np.empty((users, K), np.int32), {"all": values, **by_slice}, True))
    return made[0], made[1], made[2]


def _draw_ranks(count: int, found: float, random: np.random.Generator) -> NDArray[np.int64]:
    """Draw each relevant item's rank on a list, `K` if it is not on it; the first ranks are more likely."""
    return np.where(random.random(count) < found, np.floor(K * random.random(count) ** 1.5), K).astype(
        np.int64
    )


def _compute_ndcg(
    user: NDArray[np.int64], place: NDArray[np.int64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return NDCG@20 per user by the metric that the gate uses, on lists with each relevant item at its rank.

    If two relevant items have the same rank, the later one moves to the next free one.
    """
    lists = np.full((len(counts), K), -1, np.int32)
    item = np.arange(len(user)) - np.repeat(np.cumsum(counts) - counts, counts)
    for one in range(int(counts.max())):
        rows = np.flatnonzero((item == one) & (place < K))
        for shift in range(K):
            free = rows[lists[user[rows], (place[rows] + shift) % K] == -1]
            lists[user[free], (place[free] + shift) % K] = one
            rows = np.setdiff1d(rows, free, assume_unique=True)
            if not len(rows):
                break
    relevant = sparse.csr_matrix((np.ones(len(user)), (user, item)), shape=(len(counts), ITEMS))
    return ndcg_at_k(find_hits(lists, relevant), K)

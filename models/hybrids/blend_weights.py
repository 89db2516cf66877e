"""Blend weights by coordinate search on validation NDCG, cross-checked for each segment."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.dataset import FloatArray, IntArray, StringArray
from models.evaluation.bootstrap import bootstrap_difference
from models.evaluation.item_ranks import rank_items

WEIGHT_GRID = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
"""Weights that are tried for a member, while the others keep theirs."""
MIN_GAIN = 2e-4
"""Gain in NDCG below which a weight is not changed: smaller ones are noise of a few thousand users."""
MAX_SWEEPS = 3
"""Maximum number of rounds over the members."""
PARALLEL_TRIALS = 2
"""Weights of a member that are tried in parallel; more would hold more scores in memory."""
MIN_SEGMENT_USERS = 60
"""Segments with fewer validation users than this share the weights of all."""
ANCHOR_MEMBER, ANCHOR_WEIGHT = "popularity", 0.02
"""A member that always has a little weight, so that users whom no other member knows get popular items."""


class LearnedWeights(NamedTuple):
    """Weights, and their quality on the validation window.

    Args:
        weights: By segment, then member; they sum to 1 in each segment.
        ndcg: Validation NDCG@k by segment, and `all`.
        own_segments: Segments with weights of their own; the others have those of all users.
    """

    weights: dict[str, dict[str, float]]
    ndcg: dict[str, float]
    own_segments: list[str]


class ValidationScores(NamedTuple):
    """Standardised scores of the validation users, and what they chose.

    Args:
        scores: `(members, users, items) float32`, minus infinity where an item may not be recommended.
        relevant: `(users, items)`.
        k: The list length whose NDCG is sought.
    """

    scores: FloatArray
    relevant: sparse.csr_matrix
    k: int

    def select_users(self, rows: IntArray) -> ValidationScores:
        """Select some of the users by their rows."""
        return ValidationScores(self.scores[:, rows], self.relevant[rows], self.k)

    def blend(self, weights: NDArray[np.float64]) -> FloatArray:
        """Return `(users, items)` the weighted sum of the members' scores; exclusions stay minus infinity."""
        total = np.zeros(self.scores.shape[1:], np.float32)
        for weight, scores in zip(weights, self.scores, strict=True):
            if weight:  # 0 times minus infinity would be NaN
                total += np.float32(weight) * scores
        return total

    def ndcg(
        self, rest: FloatArray, weight: float = 0.0, scores: FloatArray | None = None
    ) -> NDArray[np.float64]:
        """Compute NDCG@k of `rest + weight * scores` from the ranks of the relevant items alone.

        Args:
            rest: `(users, items)`.
            weight: Weight of `scores`.
            scores: `(users, items)` that are added.

        Returns:
            `(users,)`, the same as `ndcg_at_k` of the lists.
        """
        counts = np.diff(self.relevant.indptr)
        user = np.repeat(np.arange(len(counts)), counts)
        if scores is None or not weight:
            # `rank_items` needs two matrices; twice the scores have the same order.
            weight, scores = 1.0, rest
        rank = rank_items(rest, np.float32(weight), scores, user, self.relevant.indices, self.k)
        gains = np.where(rank < self.k, 1 / np.log2(rank + 2), 0)
        ideal = np.concatenate([[1.0], np.cumsum(1 / np.log2(np.arange(self.k) + 2))])
        return np.bincount(user, weights=gains, minlength=len(counts)) / ideal[np.minimum(counts, self.k)]


def learn_weights(
    validation: ValidationScores, names: list[str], segment: StringArray, all_segments: list[str]
) -> LearnedWeights:
    """Learn weights of all users, and of each segment whose own weights generalise.

    They generalise if they beat the common ones on users that they were not learned on.

    Args:
        validation: The validation window.
        names: The members, in the order of `validation.scores`.
        segment: `(users,)` each user's segment.
        all_segments: All segments that can occur; each gets weights.
    """
    common = search_weights(validation)
    weights, own = {}, []
    measured = {"all": float(validation.ndcg(validation.blend(common)).mean())}
    for name in all_segments:
        rows = np.flatnonzero(segment == name)
        chosen = common
        # Of few users the best weights are mostly noise.
        if len(rows) >= MIN_SEGMENT_USERS:
            part = validation.select_users(rows)
            if _generalises(part, common):
                chosen = search_weights(part, common)
                own.append(name)
            measured[name] = float(part.ndcg(part.blend(chosen)).mean())
        weights[name] = _name_weights(chosen, names)
    return LearnedWeights(weights, measured, own)


def search_weights(
    validation: ValidationScores, start: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Search for weights by coordinate ascent: one weight at a time, while mean NDCG@k grows.

    Args:
        validation: The validation users.
        start: `(members,)` weights to start from; by default the best single member.

    Returns:
        `(members,)`.
    """
    members = len(validation.scores)
    alone = np.array([validation.ndcg(scores).mean() for scores in validation.scores])
    weights = np.eye(members)[int(alone.argmax())] if start is None else start.copy()
    best = max(float(validation.ndcg(validation.blend(weights)).mean()), 0.0)
    # Threads: `rank_items`, where the time is spent, releases the interpreter's lock.
    with ThreadPoolExecutor(PARALLEL_TRIALS) as pool:
        for _ in range(MAX_SWEEPS):
            before = best
            # The best members first, so that later ones are weighed against a good blend.
            for member in np.argsort(-alone, kind="stable"):
                others = weights.copy()
                others[member] = 0
                tried = [
                    weight for weight in WEIGHT_GRID if weight != weights[member] and (weight or others.any())
                ]
                values = pool.map(partial(_mean_ndcg, validation, validation.blend(others), member), tried)
                for weight, value in zip(tried, values, strict=True):
                    # A weight of zero needs no minimum gain: fewer members are faster and simpler.
                    if value > best + (MIN_GAIN if weight else 0):
                        best, weights[member] = value, weight
            if best - before < MIN_GAIN:
                break
    return weights


def _mean_ndcg(validation: ValidationScores, rest: FloatArray, member: int, weight: float) -> float:
    """Return mean NDCG@k of a blend of the other members plus one member with a weight."""
    return float(validation.ndcg(rest, weight, validation.scores[member]).mean())


def _generalises(part: ValidationScores, common: NDArray[np.float64]) -> bool:
    """Return whether a segment's own weights beat the common ones on users held out from learning.

    Weights are learned on each half of the segment's users and tested on the other half.

    They do if the lower end of an 80 % bootstrap interval of the gain is above 0.
    """
    order = np.arange(part.scores.shape[1])
    gains = np.zeros(len(order))
    baseline = part.ndcg(part.blend(common))
    # Two-fold cross-validation: every user's gain comes from weights that were learned without them.
    for half in (order % 2 == 0, order % 2 == 1):
        learned = search_weights(part.select_users(np.flatnonzero(half)), common)
        other = np.flatnonzero(~half)
        tested = part.select_users(other)
        gains[other] = tested.ndcg(tested.blend(learned)) - baseline[other]
    return bootstrap_difference(gains, np.zeros_like(gains), resamples=400, confidence=0.8).low > 0


def _name_weights(weights: NDArray[np.float64], names: list[str]) -> dict[str, float]:
    """Return weights by member that sum to 1, the anchor included, without zeros."""
    kept = {name: float(weight) for name, weight in zip(names, weights, strict=True) if weight}
    if ANCHOR_MEMBER in names:
        # Relative to the other weights, which do not sum to 1 before they are normalised.
        kept[ANCHOR_MEMBER] = max(kept.get(ANCHOR_MEMBER, 0.0), ANCHOR_WEIGHT * sum(kept.values()))
    total = sum(kept.values()) or 1.0
    return {name: round(weight / total, 4) for name, weight in sorted(kept.items())}


def describe_weights(weights: Mapping[str, Mapping[str, float]]) -> dict[str, str]:
    """Describe each segment's weights in one line: `fusion 0.53, item_cosine 0.27 ...`."""
    return {
        segment: ", ".join(
            f"{name} {weight:.2f}" for name, weight in sorted(part.items(), key=lambda x: (-x[1], x[0]))
        )
        for segment, part in weights.items()
    }

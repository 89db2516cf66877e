"""The model comparison: all members and hybrids rank the same candidates for the same test users."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from handpick.settings.evaluate import EvaluateSettings
from models.config import FamilyConfig
from models.dataset import DAY_SECONDS, BoolArray, Dataset, FloatArray, IntArray
from models.evaluation.split import EvaluationSplit
from models.hybrids.blend_weights import LearnedWeights, ValidationScores, learn_weights
from models.hybrids.cascade import combine_cascade
from models.hybrids.segments import assign_segments, list_segments
from models.hybrids.stacked import StackedRanker, build_candidate_features
from models.hybrids.standardisation import multiply_factors, standardise_factors
from models.hybrids.weighted import COLD_SUFFIX, COLD_TERM, Blend, find_cold_items, make_cold_factors
from models.recommender_interface import Factors, Recommender
from models.topn.dense import find_top_n_of_scores

Lists = NDArray[np.int32]
MAX_SCORES_AT_ONCE = 60_000_000
"""Scores held at once (members x users x items), which bounds memory at 240 MB of float32."""
MAX_LEARNING_USERS = 1500
"""Validation users from whom the blend's weights are learned."""
COLD_START_MEMBERS = ("content", "freshness", "fusion", "popularity")
"""Members that can score an item without events."""


@dataclass(frozen=True)
class ModelLists:
    """One model's ranking of the test split.

    Args:
        lists: `(users, k) int32` items, best first, -1 where there are fewer.
        scores: `(users, k) float32` scores of the listed items; None where they are not comparable between
            users.
    """

    lists: Lists
    scores: FloatArray | None = None


def learn_blend(
    members: Mapping[str, Recommender], validation: EvaluationSplit, settings: EvaluateSettings, seed: int
) -> tuple[Blend, LearnedWeights]:
    """Learn the weighted hybrid's weights by user segment on the validation split.

    Args:
        members: The fitted `selection` models by name.
        validation: The validation split.
        settings: Segments, cutoff and length of the validation window.
        seed: Seed of the sample of users.

    Returns:
        The blend, and how its weights were learned.
    """
    names = list_blend_terms(members)
    affordable = MAX_SCORES_AT_ONCE // (len(names) * max(len(validation.candidates), 1))
    rows = _sample_rows(len(validation.users), min(MAX_LEARNING_USERS, max(affordable, 100)), seed)
    part = validation.select_users(rows)
    # On the test split the models are one validation window old, so items released in that time are cold. On
    # the validation split no model is that old: items released in an equally long time before it are hidden
    # from the behavioural members, so that weights for cold items can be learned.
    gap = settings.validation_days * DAY_SECONDS
    unknown = part.past.catalogue.released_at >= part.past.as_of - gap
    scores = score_terms(list(compute_term_factors(members, part.past, part.users, unknown).values()), part)
    who = assign_segments(part.past, part.users, settings.segments)
    validation_scores = ValidationScores(scores, part.relevant, settings.gate_cutoff)
    learned = learn_weights(validation_scores, names, who, list_segments(settings.segments))
    return Blend(members, learned.weights, settings.segments), learned


def list_blend_terms(members: Mapping[str, Recommender]) -> list[str]:
    """Return what a blend may weigh.

    These are the members, the members that can score cold items once more for cold items alone, and the
    indicator of being a cold item.
    """
    able = [name + COLD_SUFFIX for name in COLD_START_MEMBERS if name in members]
    return [*sorted(members), *able, COLD_TERM]


def compute_term_factors(
    members: Mapping[str, Recommender], past: Dataset, users: IntArray, unknown: BoolArray | None = None
) -> dict[str, Factors]:
    """Compute standardised factors of every blend term.

    Args:
        members: The fitted models by name.
        past: What the models may see.
        users: `(n,)` indices into `past.users`.
        unknown: `(items,)` items to be hidden from behavioural members, whose item vectors become 0.

    Returns:
        Factors by term, for `n` users and all items.
    """
    cold = find_cold_items(members, past)
    whole = {}
    for name in sorted(members):
        factors = members[name].factors(past, users)
        if unknown is not None and name not in COLD_START_MEMBERS:
            factors = Factors(factors.users, factors.items * ~unknown[:, None])
        whole[name] = standardise_factors(factors)
    # Cold terms reuse the member's factors, cut down to the cold items.
    cold = cold if unknown is None else cold | unknown
    return {
        term: whole.get(term)
        or make_cold_factors(whole.get(term.removesuffix(COLD_SUFFIX)), cold, len(users))
        for term in list_blend_terms(members)
    }


def score_terms(factors: list[Factors], part: EvaluationSplit) -> FloatArray:
    """Return scores by term, `(terms, users, items) float32`.

    They are minus infinity where an item may not be recommended.
    """
    scores = np.stack([multiply_factors(one) for one in factors])
    excluded = part.exclude.tocoo()
    scores[:, excluded.row, excluded.col] = -np.inf
    scores[:, :, ~part.candidates] = -np.inf
    return scores


def rank_models(
    blend: Blend,
    validation: EvaluationSplit,
    test: EvaluationSplit,
    family: FamilyConfig,
    *,
    seed: int,
    k: int,
) -> dict[str, ModelLists]:
    """Rank the test split by every member and every configured hybrid; returns lists by name.

    Args:
        blend: The weighted hybrid, with all members.
        validation: The split that the stacked ranker learns from.
        test: The test split.
        family: Names the hybrids.
        seed: Seed of the stacked ranker.
        k: Length of the lists.
    """
    names = list_blend_terms(blend.members)
    behavioural = _best_behavioural_member(blend)
    stacked = _fit_stacked(blend, names, validation, family, seed) if "stacked" in family.hybrids else None
    made: dict[str, list[ModelLists]] = {}
    for part, scores in _score_blocks(blend.members, test):
        blended = _blend_scores(blend, names, part, scores)
        rankings = {name: own for name, own in zip(names, scores, strict=True) if name in blend.members}
        rankings["weighted"] = blended
        pair = (rankings.get("content"), rankings.get(behavioural))
        for name, (first, second) in {
            "cascade_content_first": pair,
            "cascade_behaviour_first": pair[::-1],
        }.items():
            if name in family.hybrids and first is not None and second is not None:
                rankings[name] = _mask_like(
                    combine_cascade(first, second, family.cascade_candidates), blended
                )
        for name, ranking in rankings.items():
            made.setdefault(name, []).append(_rank_top(ranking, k))
        if stacked is not None:
            lists, features = _stacked_candidates(part, scores, blended, family.stacked.candidates)
            made.setdefault("stacked", []).append(ModelLists(stacked.rerank(lists, features)[:, :k]))
    return {name: _concatenate(entries) for name, entries in made.items()}


def _best_behavioural_member(blend: Blend) -> str:
    """Return the behavioural member with the largest total weight, which is one half of the cascades."""
    total = {name: sum(part.get(name, 0.0) for part in blend.weights.values()) for name in blend.members}
    others = [name for name in blend.members if name not in COLD_START_MEMBERS]
    return max(others, key=lambda name: (total[name], name), default="")


def _score_blocks(
    members: Mapping[str, Recommender], whole: EvaluationSplit
) -> Iterator[tuple[EvaluationSplit, FloatArray]]:
    """Yield parts of a split with the scores of all blend terms.

    Memory is bounded whatever the number of users.
    """
    factors = list(compute_term_factors(members, whole.past, whole.users).values())
    step = max(16, MAX_SCORES_AT_ONCE // (len(factors) * max(len(whole.candidates), 1)))
    for start in range(0, len(whole.users), step):
        rows = np.arange(start, min(start + step, len(whole.users)))
        part = whole.select_users(rows)
        yield part, score_terms([Factors(one.users[rows], one.items) for one in factors], part)


def _blend_scores(blend: Blend, names: list[str], part: EvaluationSplit, scores: FloatArray) -> FloatArray:
    """Return the blend's scores, `(users, items)`, from the terms' scores."""
    who = blend.segments(part.past, part.users)
    total = np.zeros(scores.shape[1:], np.float32)
    for name, own in zip(names, scores, strict=True):
        weight = np.array([blend.weights[segment].get(name, 0.0) for segment in who], np.float32)
        if weight.any():  # most terms weigh nothing in most segments
            rows = np.flatnonzero(weight)
            total[rows] += weight[rows, None] * own[rows]
    return _mask_like(total, scores[0])


def _mask_like(scores: FloatArray, like: FloatArray) -> FloatArray:
    """Set scores to minus infinity where another matrix is: weights of 0 would have lost the mask."""
    return np.where(np.isneginf(like), np.float32(-np.inf), scores)


def _rank_top(ranking: FloatArray, k: int) -> ModelLists:
    """Return the top k of scores with their scores, NaN behind the end of a short list."""
    lists = find_top_n_of_scores(ranking, k)
    scores = np.take_along_axis(ranking, np.maximum(lists, 0), axis=1)
    return ModelLists(lists, np.where(lists >= 0, scores, np.float32(np.nan)))


def _concatenate(entries: list[ModelLists]) -> ModelLists:
    """Concatenate the lists of consecutive blocks of users."""
    scores = [entry.scores for entry in entries if entry.scores is not None]
    return ModelLists(np.vstack([entry.lists for entry in entries]), np.vstack(scores) if scores else None)


def _fit_stacked(
    blend: Blend, names: list[str], validation: EvaluationSplit, family: FamilyConfig, seed: int
) -> StackedRanker:
    """Fit the stacked ranker on the blend's candidates for a sample of validation users."""
    rows = _sample_rows(len(validation.users), family.stacked.max_users, seed + 1)
    lists, features = [], []
    for part, scores in _score_blocks(blend.members, validation.select_users(rows)):
        blended = _blend_scores(blend, names, part, scores)
        some_lists, some_features = _stacked_candidates(part, scores, blended, family.stacked.candidates)
        lists.append(some_lists)
        features.append(some_features)
    ranker = StackedRanker(family.stacked, seed)
    return (
        ranker.fit(np.vstack(lists), np.concatenate(features), validation.relevant[rows]) if lists else ranker
    )


def _stacked_candidates(
    part: EvaluationSplit, scores: FloatArray, blended: FloatArray, count: int
) -> tuple[Lists, FloatArray]:
    """Return the blend's best items, and the features of each for the stacked ranker.

    The features are the members' scores, price, age, and the user's activity.
    """
    lists = find_top_n_of_scores(blended, count)
    catalogue = part.past.catalogue
    age = np.maximum(part.past.as_of - catalogue.released_at, 0) / DAY_SECONDS
    about_items = np.stack([np.nan_to_num(catalogue.price), np.log1p(age)], axis=1).astype(np.float32)
    events = np.bincount(part.past.interactions.positive().user, minlength=len(part.past.users))[part.users]
    about_users = np.log1p(events)[:, None].astype(np.float32)
    return lists, build_candidate_features(lists, scores, about_items, about_users)


def _sample_rows(count: int, most: int, seed: int) -> IntArray:
    """Return at most `most` of `count` rows, drawn with the seed, ascending."""
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False)).astype(np.int64)


def rank_by_oracle(scores: FloatArray, test: EvaluationSplit, k: int) -> ModelLists:
    """Rank the test split by the oracle's scores, under the same exclusions as every model."""
    excluded: sparse.csr_matrix = test.exclude
    return ModelLists(find_top_n_of_scores(scores, k, excluded, test.candidates))

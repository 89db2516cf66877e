"""The arena: every member and hybrid makes lists for the same exam."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from handpick.settings.evaluate import EvaluateSettings
from models.config import FamilyConfig
from models.data import BoolArray, Dataset, FloatArray, IntArray
from models.evaluation.lists import top_of_scores
from models.evaluation.split import DAY, Exam
from models.hybrids.blend_weights import Answers, Learned, learn_weights
from models.hybrids.cascade import cascaded
from models.hybrids.scaling import scores_of, standardised
from models.hybrids.segments import segment_names, segments
from models.hybrids.stacked import Stacked, candidate_features
from models.hybrids.weighted import COLD, MARK, Blend, cold_items, part_factors
from models.interface import Factors, Recommender

Lists = NDArray[np.int32]
LEARNING_FLOATS = 60_000_000
"""Scores held at once: members x users x items."""
MOST_LEARNERS = 1500
COLD_ABLE = ("content", "freshness", "fusion", "popularity")
"""Members that can score a phone without events."""


@dataclass(frozen=True)
class Entry:
    """One who takes the exam.

    Args:
        lists: `(users, k)`.
        scores: `(users, k)` the scores of the listed items, where they mean the same for every user.
    """

    lists: Lists
    scores: FloatArray | None = None


def learn_blend(
    members: Mapping[str, Recommender], validation: Exam, settings: EvaluateSettings, seed: int
) -> tuple[Blend, Learned]:
    """The weighted hybrid, its weights by segment learned on the validation window."""
    names = terms(members)
    room = LEARNING_FLOATS // (len(names) * max(len(validation.candidates), 1))
    rows = _sample(len(validation.users), min(MOST_LEARNERS, max(room, 100)), seed)
    part = validation.part(rows)
    # In the test window the models are a validation window old, and phones of that time are cold. Here nothing is
    # that old: what was released in as long a time before is hidden, so that weights for cold phones can be learned.
    gap = settings.validation_days * DAY
    unknown = part.past.catalogue.released_at >= part.past.as_of - gap
    scores = masked(list(factored(members, part.past, part.users, unknown).values()), part)
    who = segments(part.past, part.users, settings.segments)
    answers = Answers(scores, part.relevant, settings.gate_cutoff)
    learned = learn_weights(answers, names, who, segment_names(settings.segments))
    return Blend(members, learned.weights, settings.segments), learned


def terms(members: Mapping[str, Recommender]) -> list[str]:
    """What a blend may weigh: the members, and for cold phones alone those that can score them and being one."""
    able = [name + MARK for name in COLD_ABLE if name in members]
    return [*sorted(members), *able, COLD]


def factored(
    members: Mapping[str, Recommender], past: Dataset, users: IntArray, unknown: BoolArray | None = None
) -> dict[str, Factors]:
    """Standardised factors of every term; behavioural members are kept from knowing the `unknown` phones."""
    cold = cold_items(members, past)
    whole = {}
    for name in sorted(members):
        factors = members[name].factors(past, users)
        if unknown is not None and name not in COLD_ABLE:
            factors = Factors(factors.users, factors.items * ~unknown[:, None])
        whole[name] = standardised(factors)
    cold = cold if unknown is None else cold | unknown
    return {
        term: whole.get(term) or part_factors(whole.get(term.removesuffix(MARK)), cold, len(users))
        for term in terms(members)
    }


def masked(factors: list[Factors], part: Exam) -> FloatArray:
    """`(members, users, items)`: scores, minus infinity where an item may not be recommended."""
    scores = np.stack([scores_of(one) for one in factors])
    barred = part.exclude.tocoo()
    scores[:, barred.row, barred.col] = -np.inf
    scores[:, :, ~part.candidates] = -np.inf
    return scores


def compete(
    blend: Blend, validation: Exam, test: Exam, family: FamilyConfig, *, seed: int, k: int
) -> dict[str, Entry]:
    """Lists of every member, of the configured hybrids, for the test exam, by name.

    Args:
        blend: The weighted hybrid, with all members.
        validation: What the stacked ranker learns from.
        test: The exam.
        family: Which hybrids compete.
        seed: Of the stacked ranker.
        k: Length of the lists.
    """
    names = terms(blend.members)
    behaviour = _best_behaviour(blend)
    stacked = _stacked(blend, names, validation, family, seed) if "stacked" in family.hybrids else None
    made: dict[str, list[Entry]] = {}
    for part, scores in _blocks(blend.members, test):
        mixed = _mixed(blend, names, part, scores)
        rankings = {name: said for name, said in zip(names, scores, strict=True) if name in blend.members}
        rankings["weighted"] = mixed
        pair = (rankings.get("content"), rankings.get(behaviour))
        for name, (first, second) in {
            "cascade_content_first": pair,
            "cascade_behaviour_first": pair[::-1],
        }.items():
            if name in family.hybrids and first is not None and second is not None:
                rankings[name] = _barred(cascaded(first, second, family.cascade_candidates), mixed)
        for name, ranking in rankings.items():
            made.setdefault(name, []).append(_entry(ranking, k))
        if stacked is not None:
            lists, features = _candidates(part, scores, mixed, family.stacked.candidates)
            made.setdefault("stacked", []).append(Entry(stacked.rerank(lists, features)[:, :k]))
    return {name: _joined(entries) for name, entries in made.items()}


def _best_behaviour(blend: Blend) -> str:
    """The member beside content that the blend trusts most; it is the behavioural half of the cascades."""
    total = {name: sum(part.get(name, 0.0) for part in blend.weights.values()) for name in blend.members}
    others = [name for name in blend.members if name not in COLD_ABLE]
    return max(others, key=lambda name: (total[name], name), default="")


def _blocks(members: Mapping[str, Recommender], whole: Exam) -> Iterator[tuple[Exam, FloatArray]]:
    """Parts of an exam with all members' scores; memory stays bounded whatever the number of users."""
    factors = list(factored(members, whole.past, whole.users).values())
    step = max(16, LEARNING_FLOATS // (len(factors) * max(len(whole.candidates), 1)))
    for start in range(0, len(whole.users), step):
        rows = np.arange(start, min(start + step, len(whole.users)))
        part = whole.part(rows)
        yield part, masked([Factors(one.users[rows], one.items) for one in factors], part)


def _mixed(blend: Blend, names: list[str], part: Exam, scores: FloatArray) -> FloatArray:
    """The blend's scores from the members' scores."""
    who = blend.segments(part.past, part.users)
    total = np.zeros(scores.shape[1:], np.float32)
    for name, said in zip(names, scores, strict=True):
        weight = np.array([blend.weights[segment].get(name, 0.0) for segment in who], np.float32)
        if weight.any():
            rows = np.flatnonzero(weight)
            total[rows] += weight[rows, None] * said[rows]
    return _barred(total, scores[0])


def _barred(scores: FloatArray, like: FloatArray) -> FloatArray:
    return np.where(np.isneginf(like), np.float32(-np.inf), scores)


def _entry(ranking: FloatArray, k: int) -> Entry:
    lists = top_of_scores(ranking.copy(), k)
    scores = np.take_along_axis(ranking, np.maximum(lists, 0), axis=1)
    return Entry(lists, np.where(lists >= 0, scores, np.float32(np.nan)))


def _joined(entries: list[Entry]) -> Entry:
    scores = [entry.scores for entry in entries if entry.scores is not None]
    return Entry(np.vstack([entry.lists for entry in entries]), np.vstack(scores) if scores else None)


def _stacked(blend: Blend, names: list[str], validation: Exam, family: FamilyConfig, seed: int) -> Stacked:
    rows = _sample(len(validation.users), family.stacked.most_users, seed + 1)
    lists, features = [], []
    for part, scores in _blocks(blend.members, validation.part(rows)):
        mixed = _mixed(blend, names, part, scores)
        some_lists, some_features = _candidates(part, scores, mixed, family.stacked.candidates)
        lists.append(some_lists)
        features.append(some_features)
    ranker = Stacked(family.stacked, seed)
    return (
        ranker.fit(np.vstack(lists), np.concatenate(features), validation.relevant[rows]) if lists else ranker
    )


def _candidates(part: Exam, scores: FloatArray, mixed: FloatArray, count: int) -> tuple[Lists, FloatArray]:
    """The blend's best items with what members say of them, the phones' price and age, and the user's activity."""
    lists = top_of_scores(mixed.copy(), count)
    catalogue = part.past.catalogue
    age = np.maximum(part.past.as_of - catalogue.released_at, 0) / DAY
    about_items = np.stack([np.nan_to_num(catalogue.price), np.log1p(age)], axis=1).astype(np.float32)
    events = np.bincount(part.past.interactions.positive().user, minlength=len(part.past.users))[part.users]
    about_users = np.log1p(events)[:, None].astype(np.float32)
    return lists, candidate_features(lists, scores, about_items, about_users)


def _sample(count: int, most: int, seed: int) -> IntArray:
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False)).astype(np.int64)


def oracle_entry(scores: FloatArray, test: Exam, k: int) -> Entry:
    """The lists of someone who knows the truth; the scores may not recommend what nobody else may."""
    barred: sparse.csr_matrix = test.exclude
    return Entry(top_of_scores(scores.copy(), k, barred, test.candidates))

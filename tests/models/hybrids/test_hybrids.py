"""Hybrids: standardisation, blend weights, cascades and the stacked ranker; and how lists react to changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from models.collaborative.base import Member
from models.config import StackedConfig
from models.dataset import Dataset
from models.evaluation.hits import find_hits
from models.evaluation.ndcg import ndcg_at_k
from models.evaluation.split import EvaluationSplit
from models.hybrids.blend_weights import ValidationScores, learn_weights
from models.hybrids.cascade import Cascade, combine_cascade
from models.hybrids.segments import assign_segments, list_segments
from models.hybrids.stacked import StackedRanker, build_candidate_features
from models.hybrids.standardisation import multiply_factors, standardise_factors
from models.hybrids.weighted import Blend
from models.recommender_interface import Factors
from models.topn.dense import find_top_n_of_scores
from tests.models.collaborative.shop import renamed

BOUNDS = (0, 1, 5)
K = 10


def scored(members: dict[str, Member], exam: EvaluationSplit) -> np.ndarray:
    scores = np.stack(
        [
            multiply_factors(standardise_factors(members[m].factors(exam.past, exam.users)))
            for m in sorted(members)
        ]
    )
    barred = exam.exclude.tocoo()
    scores[:, barred.row, barred.col] = -np.inf
    scores[:, :, ~exam.candidates] = -np.inf
    return scores


@pytest.fixture(scope="module")
def blend(members: dict[str, Member], validation: EvaluationSplit) -> Blend:
    answers = ValidationScores(scored(members, validation), validation.relevant, K)
    who = assign_segments(validation.past, validation.users, BOUNDS)
    learned = learn_weights(answers, sorted(members), who, list_segments(BOUNDS))
    return Blend(members, learned.weights, BOUNDS)


def quality(scores: np.ndarray, exam: EvaluationSplit) -> float:
    lists = find_top_n_of_scores(scores.copy(), K, exam.exclude, exam.candidates)
    return float(ndcg_at_k(find_hits(lists, exam.relevant), K).mean())


def test_standardised_scores_have_mean_0_and_deviation_1_and_keep_the_order() -> None:
    random = np.random.default_rng(0)
    items = random.standard_normal((40, 5)).astype(np.float32)
    items[:3] = 0
    factors = Factors((random.standard_normal((20, 5)) * 100).astype(np.float32), items)
    scores, plain = multiply_factors(standardise_factors(factors)), multiply_factors(factors)
    np.testing.assert_allclose(scores[:, 3:].mean(axis=1), 0, atol=1e-4)
    np.testing.assert_allclose(scores[:, 3:].std(axis=1), 1, atol=1e-4)
    assert not scores[:, :3].any()
    assert np.array_equal(np.argsort(scores[:, 3:]), np.argsort(plain[:, 3:]))


def test_a_user_without_an_opinion_scores_everything_0() -> None:
    factors = Factors(np.array([[0.0], [1e6]], np.float32), np.ones((5, 1), np.float32))
    assert not multiply_factors(standardise_factors(factors)).any()


def test_segments_depend_on_events_and_queries(data: Dataset) -> None:
    past = data.until(data.as_of - 7 * 86_400)
    users = np.arange(len(data.users))
    found = assign_segments(past, users, BOUNDS)
    counts = np.bincount(past.interactions.user, minlength=len(users))
    assert set(found) <= set(list_segments(BOUNDS)) and set(found[counts >= 5]) == {"events_5_up"}
    assert set(found[(counts == 0) & np.isin(users, past.queries.user)]) == {"query_only"}
    assert list_segments((0, 2, 4)) == ["query_only", "events_0_1", "events_2_3", "events_4_up"]


def test_the_blend_beats_every_member_or_ties(
    blend: Blend, members: dict[str, Member], test: EvaluationSplit
) -> None:
    mixed = quality(blend.score(test.past, test.users), test)
    alone = {name: quality(member.score(test.past, test.users), test) for name, member in members.items()}
    assert mixed > max(alone.values()) - 0.01, alone
    assert mixed > 1.2 * alone["popularity"]


def test_the_factored_blend_is_the_weighted_sum_of_its_members(blend: Blend, test: EvaluationSplit) -> None:
    users = test.users[:30]
    total = np.zeros((30, len(test.candidates)))
    for row, segment in enumerate(blend.segments(test.past, users)):
        for name, weight in blend.weights[str(segment)].items():
            factors = standardise_factors(blend.members[name].factors(test.past, users[row : row + 1]))
            total[row] += weight * multiply_factors(factors)[0]
    np.testing.assert_allclose(blend.score(test.past, users), total, atol=1e-3)
    assert len(blend.name_sources(test.past, users)) == 30


def test_validation_ndcg_from_ranks_is_that_of_the_lists_ties_included() -> None:
    random = np.random.default_rng(6)
    scores = random.integers(0, 4, (1, 60, 30)).astype(np.float32)
    relevant = sparse.random(60, 30, 0.2, random_state=7).tocsr()
    relevant.sort_indices()
    quick = ValidationScores(scores, relevant, K).ndcg(scores[0])
    np.testing.assert_allclose(
        quick, ndcg_at_k(find_hits(find_top_n_of_scores(scores[0].copy(), K), relevant), K)
    )


def test_a_useless_member_gets_no_weight_and_weights_sum_to_one() -> None:
    random = np.random.default_rng(2)
    relevant = sparse.random(200, 50, 0.06, random_state=3).tocsr()
    relevant.data[:] = 1
    useful = relevant.toarray() * 1.0 + random.standard_normal((200, 50)) * 0.7
    noise = random.standard_normal((200, 50))
    answers = ValidationScores(np.stack([noise, useful]).astype(np.float32), relevant, K)
    learned = learn_weights(answers, ["noise", "useful"], np.full(200, "events_1_4"), list_segments(BOUNDS))
    for part in learned.weights.values():
        assert sum(part.values()) == pytest.approx(1, abs=1e-3)
        assert part["useful"] > 0.8


def test_a_segment_gets_its_own_weights_only_where_they_hold() -> None:
    """Half the users follow one member, half another: both segments need weights of their own; noise does not."""
    random = np.random.default_rng(4)
    relevant = sparse.random(400, 50, 0.06, random_state=5).tocsr()
    relevant.data[:] = 1
    truth = relevant.toarray()
    is_first = np.arange(400) % 4 < 2
    noise = random.standard_normal((2, 400, 50))
    scores = np.stack(
        [truth * is_first[:, None] * 2 + noise[0], truth * ~is_first[:, None] * 2 + noise[1]]
    ).astype(np.float32)
    names = list_segments(BOUNDS)
    split = learn_weights(
        ValidationScores(scores, relevant, K), ["a", "b"], np.where(is_first, names[1], names[2]), names
    )
    assert split.own_segments == names[1:3]
    assert split.weights[names[1]].get("a", 0) > 0.8
    assert split.weights[names[2]].get("a", 0) < 0.2
    random.shuffle(is_first)
    mixed = learn_weights(
        ValidationScores(scores, relevant, K), ["a", "b"], np.where(is_first, names[1], names[2]), names
    )
    assert len(mixed.own_segments) <= 1


def test_a_cascade_ranks_the_firsts_candidates_by_the_second(
    members: dict[str, Member], test: EvaluationSplit
) -> None:
    first = np.array([[5, 4, 3, 2, 1]], np.float32)
    second = np.array([[1, 2, 3, 4, 5]], np.float32)
    assert np.argsort(-combine_cascade(first, second, 3))[0].tolist() == [2, 1, 0, 3, 4]
    cascade = Cascade(members["content"], members["item_cosine"], 20)
    users = test.users[:10]
    proposed = members["content"].top_n(test.past, users, 20)
    listed = np.argsort(-cascade.score(test.past, users), axis=1, kind="stable")[:, :20]
    assert all(set(a) == set(b) for a, b in zip(proposed, listed, strict=True))


def test_the_stacked_ranker_improves_on_its_candidates_order(
    members: dict[str, Member], blend: Blend, validation: EvaluationSplit, test: EvaluationSplit
) -> None:
    def candidates(exam: EvaluationSplit) -> tuple[np.ndarray, np.ndarray]:
        scores = scored(members, exam)
        worst = find_top_n_of_scores(scores[sorted(members).index("freshness")].copy(), 40)
        return worst, build_candidate_features(
            worst, scores, exam.past.catalogue.price[:, None], np.zeros((len(worst), 1), np.float32)
        )

    ranker = StackedRanker(StackedConfig(trees=40, leaves=7), seed=1).fit(
        *candidates(validation), validation.relevant
    )
    lists, features = candidates(test)
    again = StackedRanker(StackedConfig(trees=40, leaves=7, threads=2), seed=1).fit(
        *candidates(validation), validation.relevant
    )
    ranked = ranker.rerank(lists, features)
    assert np.array_equal(ranked, again.rerank(lists, features))
    before, after = (ndcg_at_k(find_hits(some, test.relevant), K).mean() for some in (lists, ranked))
    assert after > 1.3 * before


def test_lists_do_not_change_when_users_are_renamed(blend: Blend, test: EvaluationSplit) -> None:
    before = blend.score(test.past, test.users[:40])
    after = blend.score(renamed(test.past, "renamed-"), test.users[:40])
    assert np.array_equal(before, after)


def test_two_equal_users_get_equal_lists(blend: Blend, test: EvaluationSplit) -> None:
    """The second user is given the first one's past."""
    past = test.past
    one, other = test.users[:2]
    events, asked = past.interactions, past.queries
    mine = np.flatnonzero(events.user == one)
    rows = np.concatenate([np.flatnonzero(events.user < other), mine, np.flatnonzero(events.user > other)])
    copied = replace(
        past,
        interactions=replace(
            events,
            user=np.concatenate(
                [
                    events.user[events.user < other],
                    np.full(len(mine), other),
                    events.user[events.user > other],
                ]
            ),
            item=events.item[rows],
            event_type=events.event_type[rows],
            weight=events.weight[rows],
            at=events.at[rows],
        ),
        users=replace(past.users, country=np.full(len(past.users), "DE")),
    )
    assert not np.isin([one, other], asked.user).any()
    scores = blend.score(copied, np.array([one, other]))
    np.testing.assert_allclose(scores[0], scores[1], atol=1e-4)


def test_a_new_purchase_moves_the_list_towards_what_is_like_it(blend: Blend, test: EvaluationSplit) -> None:
    past, user = test.past, int(test.users[0])
    before = blend.score(past, np.array([user]))[0]
    content = past.catalogue.modalities["text"].values
    bought = int(np.argsort(before)[len(before) // 3])
    events = past.interactions
    place = int(np.searchsorted(events.user, user, side="right"))
    more = replace(
        past,
        interactions=replace(
            events,
            user=np.insert(events.user, place, user),
            item=np.insert(events.item, place, bought),
            event_type=np.insert(events.event_type, place, 3),
            weight=np.insert(events.weight, place, 20.0),
            at=np.insert(events.at, place, past.as_of - 1),
        ),
    )
    after = blend.score(more, np.array([user]))[0]
    unit = content / np.linalg.norm(content, axis=1, keepdims=True)
    likeness = unit @ unit[bought]
    assert np.corrcoef(likeness, after - before)[0, 1] > 0.1


def test_lists_do_not_collapse_onto_one_brand(blend: Blend, test: EvaluationSplit) -> None:
    lists = find_top_n_of_scores(blend.score(test.past, test.users), K, test.exclude, test.candidates)
    shares = np.unique(test.past.catalogue.brand[lists], return_counts=True)[1] / lists.size
    assert len(shares) == 2 and shares.min() > 0.2

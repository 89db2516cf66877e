"""The two-stage hybrid: held-out choices do not leak, candidates are the members' own, and trees rank them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from models.collaborative.als import Als
from models.collaborative.graph_filter import GraphFilter
from models.config import AlsConfig, GraphFilterConfig, StackedConfig
from models.dataset import Dataset
from models.evaluation.hits import find_hits
from models.evaluation.holdout import hold_out
from models.evaluation.ndcg import ndcg_at_k
from models.hybrids.similarity_features import compute_similarity_features
from models.hybrids.standardisation import standardise_scores
from models.hybrids.two_stage import TwoStage
from models.topn.dense import find_top_n_of_scores
from tests.models.collaborative.shop import shop

TREES = StackedConfig(objective="binary", trees=40, leaves=7, min_leaf_rows=40, candidates=30)


def hybrid(weights: dict[str, float] | None = None) -> TwoStage:
    members = {
        "filter": GraphFilter(GraphFilterConfig(is_exact=True, frequencies=12, low_pass=1.0)),
        "als": Als(AlsConfig(dim=12)),
    }
    return TwoStage(members, weights or {"filter": 1.0, "als": 0.2}, ("filter", "als"), TREES, 0.25)


@pytest.fixture(scope="module")
def large() -> Dataset:
    return shop(users=500, items=80, seed=4)


@pytest.fixture(scope="module")
def parts(large: Dataset) -> tuple[Dataset, sparse.csr_matrix]:
    return hold_out(large, 0.25, seed=1)


def test_what_is_held_out_is_a_share_of_each_user_and_known_no_more(
    large: Dataset, parts: tuple[Dataset, sparse.csr_matrix]
) -> None:
    past, wanted = parts
    items = len(large.catalogue)
    known, whole = (
        np.unique(some.interactions.user * items + some.interactions.item) for some in (past, large)
    )
    held = np.repeat(np.arange(len(large.users)), np.diff(wanted.indptr)) * items + wanted.indices
    assert not np.isin(held, known).any()
    assert np.array_equal(np.union1d(held, known), whole)
    liked = np.bincount(whole // items, minlength=len(large.users))
    assert np.array_equal(np.diff(wanted.indptr), np.round(0.25 * liked))
    assert (hold_out(large, 0.25, seed=2)[1] - wanted).count_nonzero()


def test_likeness_is_to_the_nearest_to_the_nearest_three_and_to_all() -> None:
    vectors = np.array([[1, 0], [0, 1], [3, 4], [-1, 0], [0, 0]], np.float32)
    history = sparse.csr_matrix(np.array([[1, 1, 0, 1, 0], [0, 0, 0, 0, 0]], np.float32))
    found = compute_similarity_features(np.array([[2, 4], [2, -1]], np.int32), history, vectors)
    np.testing.assert_allclose(found[0, 0], [0.8, (0.6 + 0.8 - 0.6) / 3, (0.6 + 0.8) / 3], rtol=1e-6)
    assert not found[0, 1].any() and not found[1].any()


def test_scores_are_brought_to_one_scale() -> None:
    scores = standardise_scores(np.array([[1, 2, 3, 4], [7, 7, 7, 7]], np.float32))
    np.testing.assert_allclose(scores[0], np.array([-1.5, -0.5, 0.5, 1.5]) / np.sqrt(1.25), rtol=1e-6)
    assert not scores[1].any()


def test_lists_hold_candidates_alone_and_nothing_that_the_user_liked(
    large: Dataset, parts: tuple[Dataset, sparse.csr_matrix]
) -> None:
    past, _ = parts
    fitted = hybrid().fit(past, seed=3)
    users = np.arange(0, 500, 7)
    lists, proposed = fitted.top_n(past, users, 20), fitted.propose(past, users)
    for user, row, offered in zip(users, lists, proposed.lists, strict=True):
        liked = set(past.interactions.item[past.interactions.user == user])
        assert len(set(row)) == 20 and set(row) <= set(offered) and not set(row) & liked
    assert np.array_equal(lists, hybrid().fit(past, seed=3).top_n(past, users, 20))
    one_by_one = np.vstack([fitted.top_n(past, users[n : n + 1], 20) for n in range(10)])
    assert (one_by_one == lists[:10]).mean() > 0.98


def test_trees_make_better_lists_than_a_poor_proposal(parts: tuple[Dataset, sparse.csr_matrix]) -> None:
    """Candidates in a wrong order on purpose: the members' weights are negative."""
    past, wanted = parts
    fitted = hybrid({"filter": -1.0, "als": -0.2}).fit(past, seed=3)
    users = np.flatnonzero(np.diff(wanted.indptr))
    proposed = fitted.propose(past, users).lists
    before, after = (
        float(ndcg_at_k(find_hits(lists[:, :10], wanted[users]), 10).mean())
        for lists in (proposed, fitted.top_n(past, users, 10))
    )
    assert after > 1.2 * before


def test_it_is_as_good_as_its_best_member(parts: tuple[Dataset, sparse.csr_matrix]) -> None:
    past, wanted = parts
    fitted = hybrid().fit(past, seed=3)
    users = np.flatnonzero(np.diff(wanted.indptr))
    seen = sparse.csr_matrix(
        (np.ones(len(past.interactions)), (past.interactions.user, past.interactions.item)),
        shape=wanted.shape,
    )[users]
    alone = [
        float(
            ndcg_at_k(
                find_hits(find_top_n_of_scores(member.score(past, users), 10, seen), wanted[users]), 10
            ).mean()
        )
        for member in fitted.members.values()
    ]
    together = float(ndcg_at_k(find_hits(fitted.top_n(past, users, 10), wanted[users]), 10).mean())
    assert together > 0.97 * max(alone)


def test_requests_that_cannot_be_served_are_errors(large: Dataset) -> None:
    with pytest.raises(ValueError, match="the hybrid is not fitted"):
        hybrid().top_n(large, np.arange(3), 5)
    with pytest.raises(ValueError, match="n is 31, above the 30 candidates"):
        hybrid().fit(large, seed=0).top_n(large, np.arange(3), 31)

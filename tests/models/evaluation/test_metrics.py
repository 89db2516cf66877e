"""Metrics equal those of independent libraries, and values worked out by hand."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from models.evaluation.bootstrap import bootstrap_difference, bootstrap_intervals
from models.evaluation.calibration import compute_calibration_error, fit_logistic
from models.evaluation.coverage import compute_coverage, compute_gini_index
from models.evaluation.diversity import compute_diversity
from models.evaluation.fairness import assign_price_bands, compute_disparity, number_groups
from models.evaluation.hits import Hits, find_hits
from models.evaluation.metrics import RANKING_METRICS
from models.evaluation.novelty import compute_novelty, compute_serendipity
from models.topn.dense import find_top_n_of_scores

USERS, ITEMS, K = 40, 30, 10


@pytest.fixture(scope="module")
def scores() -> np.ndarray:
    return np.random.default_rng(0).random((USERS, ITEMS)).astype(np.float32)


@pytest.fixture(scope="module")
def relevant() -> sparse.csr_matrix:
    matrix = sparse.random(USERS, ITEMS, 0.15, random_state=1).tocsr()
    matrix.data[:] = 1
    matrix.sort_indices()
    return matrix


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("recall", "recall@10"),
        ("precision", "precision@10"),
        ("ndcg", "ndcg@10"),
        ("mrr", "mrr@10"),
        ("map", "map@10"),
        ("hit_rate", "hit_rate@10"),
    ],
)
def test_ranking_metrics_agree_with_ranx(
    ours: str, theirs: str, scores: np.ndarray, relevant: sparse.csr_matrix
) -> None:
    from ranx import Qrels, Run, evaluate

    asked = np.flatnonzero(np.diff(relevant.indptr))
    truth = Qrels({f"u{u:02d}": {f"i{i}": 1 for i in relevant[u].indices} for u in asked.tolist()})
    run = Run({f"u{u:02d}": {f"i{i}": float(scores[u, i]) for i in range(ITEMS)} for u in asked})
    evaluate(truth, run, theirs)
    expected = np.array([run.scores[theirs][f"u{u:02d}"] for u in asked])
    judged = find_hits(find_top_n_of_scores(scores[asked].copy(), K), relevant[asked])
    np.testing.assert_allclose(RANKING_METRICS[ours](judged, K), expected, atol=1e-9)


@pytest.mark.parametrize("name", RANKING_METRICS)
def test_ranking_metrics_agree_with_recbole_to_the_fourth_digit(name: str) -> None:
    # Recorded by benchmarks/recbole_metrics.py, since RecBole needs older libraries than the project.
    kept = json.loads((Path(__file__).parent / "recbole_values.json").read_text())
    counts = [len(items) for items in kept["relevant"]]
    relevant = sparse.csr_matrix(
        (np.ones(sum(counts)), np.concatenate(kept["relevant"]), np.concatenate([[0], np.cumsum(counts)])),
        shape=(len(counts), kept["items"]),
    )
    hits = find_hits(np.array(kept["lists"], np.int32), relevant)
    for k, expected in kept["values"][name].items():
        assert RANKING_METRICS[name](hits, int(k)).mean() == pytest.approx(expected, abs=5e-5)


def test_ndcg_agrees_with_scikit_learn(scores: np.ndarray, relevant: sparse.csr_matrix) -> None:
    from sklearn.metrics import ndcg_score

    asked = np.flatnonzero(np.diff(relevant.indptr))
    judged = find_hits(find_top_n_of_scores(scores[asked].copy(), K), relevant[asked])
    expected = ndcg_score(relevant[asked].toarray(), scores[asked], k=K)
    assert RANKING_METRICS["ndcg"](judged, K).mean() == pytest.approx(expected)


def test_a_million_lists_of_a_hundred_are_measured_in_seconds() -> None:
    random = np.random.default_rng(4)
    users, items, k = 1_000_000, 5_000, 100
    start = random.integers(0, items, (users, 1), dtype=np.int32)
    lists = np.remainder(start + np.arange(k, dtype=np.int32), items)
    relevant = sparse.csr_matrix(
        (
            np.ones(3 * users, np.float32),
            # one of each third of the items, so that none is relevant twice
            (random.integers(0, items // 3, (users, 3)) + items // 3 * np.arange(3)).ravel(),
            np.arange(0, 3 * users + 1, 3),
        ),
        shape=(users, items),
    )
    began = time.process_time()
    judged = find_hits(lists, relevant)
    values = {name: metric(judged, k).mean() for name, metric in RANKING_METRICS.items()}
    assert time.process_time() - began < 20
    assert values["recall"] == pytest.approx(k / items, rel=0.05)


def test_hits_that_no_list_can_have_are_refused() -> None:
    def hits(user: list[int], rank: list[int], counts: list[int]) -> Hits:
        return Hits(np.array(user, np.int64), np.array(rank, np.int64), np.array(counts, np.int64))

    # The right answer was left out of the list with the user's own items, and "ranked" before the first place.
    with pytest.raises(ValueError, match="place -1"):
        hits([0, 1], [3, -1], [1, 1])
    with pytest.raises(ValueError, match="a place has two hits"):
        hits([0, 0], [3, 3], [2, 1])
    with pytest.raises(ValueError, match="2 hits of user 1, but 1 relevant"):
        hits([1, 1], [3, 4], [1, 1])
    with pytest.raises(ValueError, match="not among the 2"):
        hits([2], [0], [1, 1])
    fine = hits([0, 1], [3, 0], [1, 1])
    for metric in RANKING_METRICS.values():
        with pytest.raises(ValueError, match="at least one place"):
            metric(fine, 0)


def test_repeated_items_are_refused_on_lists_and_among_the_relevant() -> None:
    lists = np.array([[4, 2, -1, -1], [1, 0, 3, 1]], np.int32)
    relevant = sparse.csr_matrix(np.array([[1, 0, 1, 0, 0], [0, 1, 0, 0, 0]], np.float32))
    assert find_hits(lists[:1], relevant[:1]).rank.tolist() == [1]
    with pytest.raises(ValueError, match="list 1 has item 1 twice"):
        find_hits(lists, relevant)
    twice = sparse.csr_matrix((np.ones(2, np.float32), np.array([2, 2]), np.array([0, 2])), shape=(1, 5))
    with pytest.raises(ValueError, match="relevant to a user twice"):
        find_hits(lists[:1], twice)
    nothing = sparse.csr_matrix((np.zeros(1, np.float32), np.array([2]), np.array([0, 1])), shape=(1, 5))
    with pytest.raises(ValueError, match="is 0"):
        find_hits(lists[:1], nothing)


def test_coverage_and_gini_know_even_and_constant_lists() -> None:
    everything = np.ones(20, bool)
    even = np.arange(20, dtype=np.int32).reshape(10, 2)
    constant = np.tile(np.array([0, 1], np.int32), (10, 1))
    assert compute_coverage(even, everything) == 1 and compute_gini_index(even, everything) == pytest.approx(
        0
    )
    assert compute_coverage(constant, everything) == 0.1 and compute_gini_index(
        constant, everything
    ) == pytest.approx(0.9)


def test_novelty_counts_bits_and_serendipity_what_popularity_missed() -> None:
    lists = np.array([[0, 1], [1, -1]], np.int32)
    assert compute_novelty(lists, np.array([8, 2]), 16).tolist() == [2.0, 3.0]
    relevant = sparse.csr_matrix(np.array([[1, 1], [0, 1]], float))
    popular = np.array([[0, 5], [0, 5]], np.int32)
    assert compute_serendipity(lists, popular, relevant).tolist() == [0.5, 0.5]


def test_diversity_is_one_minus_the_mean_cosine_of_pairs() -> None:
    vectors = np.random.default_rng(5).standard_normal((9, 4)).astype(np.float32)
    lists = np.array([[0, 1, 2], [3, 3, 3], [4, -1, -1]], np.int32)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = 1 - np.mean([unit[0] @ unit[1], unit[0] @ unit[2], unit[1] @ unit[2]])
    np.testing.assert_allclose(compute_diversity(lists, vectors), [expected, 0, 0], atol=1e-6)


def test_calibration_finds_the_curve_and_sees_when_it_is_bent() -> None:
    random = np.random.default_rng(6)
    scores = random.standard_normal(20_000)
    outcomes = random.random(20_000) < 1 / (1 + np.exp(-(1.5 * scores - 1)))
    curve = fit_logistic(scores, outcomes)
    assert curve.slope == pytest.approx(1.5, abs=0.1) and curve.shift == pytest.approx(-1, abs=0.1)
    assert compute_calibration_error(curve(scores), outcomes) < 0.02
    assert compute_calibration_error(np.clip(2 * curve(scores), 0, 1), outcomes) > 0.15


def test_disparity_is_zero_where_lists_show_what_is_chosen_and_one_where_they_never_do() -> None:
    relevant = sparse.csr_matrix(np.array([[1, 0, 0, 1]], float))
    groups = number_groups(np.array(["a", "a", "b", "b"]))
    assert compute_disparity(np.array([[1, 2]], np.int32), groups, relevant) == pytest.approx(0)
    only_a = sparse.csr_matrix(np.array([[1, 1, 0, 0]], float))
    assert compute_disparity(np.array([[2, 3]], np.int32), groups, only_a) == pytest.approx(1)
    bands = assign_price_bands(np.array([1, 2, 3, 4, np.nan], np.float32))
    assert bands.tolist() == [0, 1, 2, 3, 4]


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(7)
    covered = [
        bounds.low <= 0.3 <= bounds.high
        for number in range(150)
        for bounds in bootstrap_intervals((random.random((200, 1)) < 0.3).astype(float), 300, number)
    ]
    assert 0.88 <= np.mean(covered) <= 0.99


def test_a_paired_interval_is_narrower_than_an_unpaired_one() -> None:
    random = np.random.default_rng(8)
    base = random.random(500)
    better = base + 0.01 + 0.001 * random.standard_normal(500)
    bounds = bootstrap_difference(better, base)
    assert 0 < bounds.low < bounds.value < bounds.high < 0.012
    assert bootstrap_intervals(better[:, None])[0].low < bootstrap_intervals(base[:, None])[0].high

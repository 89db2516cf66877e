"""Re-ranking: diversity, a guarded launch bonus, and exploration with its propensities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from handpick.settings.score import ScoreSettings
from handpick.stages.score.hash_rng import derive_seeds
from handpick.stages.score.rerank import (
    PLACED_BY,
    PhoneFacts,
    PlacementSource,
    RerankedLists,
    mark_boosted,
    rerank_candidates,
)
from models.topn.exact import TopN

from .conftest import TODAY

POOL = 12
PLAIN = {"diversity": 0.0, "explore_share": 0.0, "launch_bonus": 0.0}


def made(
    users: int = 1,
    n: int = 6,
    vectors: Any = None,
    launches: tuple[int, ...] = (),
    models: Any = None,
    seed: int = 7,
    **settings: Any,
) -> RerankedLists:
    """Make lists from candidates of which phones 0, 1, 2, ... score 1, 1 - 1/11, ..."""
    items = np.tile(np.arange(POOL, dtype=np.int32), (users, 1))
    scores = np.tile(np.linspace(1, 0, POOL, dtype=np.float32), (users, 1))
    vectors = np.eye(POOL, dtype=np.float32) if vectors is None else vectors
    models = np.arange(POOL) if models is None else models
    phones = PhoneFacts(vectors, np.arange(POOL), np.isin(np.arange(POOL), launches), models)
    names = np.array([f"u{number}" for number in range(users)])
    lists, _ = rerank_candidates(
        TopN(items, scores),
        phones,
        ScoreSettings(**{**PLAIN, **settings}),
        rng_seeds=derive_seeds(names, seed, TODAY),
        max_per_brand=None,
        n=n,
    )
    return lists


def test_without_anything_the_order_of_scores_stays() -> None:
    assert made().items.tolist() == [[0, 1, 2, 3, 4, 5]]
    assert made().propensity.tolist() == [[1.0] * 6]


def test_a_model_stands_once_whatever_its_variants_score() -> None:
    models = np.array([0, 0, 1, 0, 1, 2, 3, 3, 4, 5, 6, 7])
    assert made(models=models).items.tolist() == [[0, 2, 5, 6, 8, 9]]
    assert made(models=np.zeros(POOL, int)).items.tolist() == [[0, -1, -1, -1, -1, -1]]


def test_diversity_puts_unlike_phones_before_twins() -> None:
    vectors = np.eye(POOL, dtype=np.float32)
    vectors[1] = vectors[2] = vectors[0]
    assert made(vectors=vectors, n=3, diversity=0.5).items.tolist() == [[0, 3, 4]]
    assert made(vectors=vectors, n=3, diversity=0.05).items.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize(
    ("guard", "expected"),
    [
        ({"launch_bonus": 0.6}, [6, 0, 1, 2]),
        ({"launch_bonus": 0.0}, [0, 1, 2, 3]),
        ({"launch_bonus": 0.6, "launch_floor": 0.6}, [0, 1, 2, 3]),
        ({"launch_bonus": 0.9, "launch_floor": 0.1, "max_launch_items": 1}, [6, 0, 1, 2]),
        ({"launch_bonus": 0.9, "launch_floor": 0.1, "max_launch_items": 2}, [6, 8, 0, 1]),
    ],
)
def test_launches_gain_within_the_guard(guard: dict[str, Any], expected: list[int]) -> None:
    lists = made(n=4, launches=(6, 8), launch_floor=guard.pop("launch_floor", 0.3), **guard)
    assert lists.items.tolist() == [expected]
    assert [
        item
        for item, origin in zip(lists.items[0], lists.origin[0], strict=True)
        if origin == PlacementSource.LAUNCH
    ] == [item for item in expected if item in (6, 8)]


def test_exploration_happens_as_often_as_it_says_and_never_at_the_top() -> None:
    lists = made(users=4000, explore_share=0.2, explore_from_rank=3)
    explored = lists.origin == PlacementSource.EXPLORATION
    assert not explored[:, :2].any()
    assert explored[:, 2:].mean() == pytest.approx(0.2, abs=0.01)
    assert (lists.propensity[:, :2] == 1).all()
    assert np.allclose(lists.propensity[:, 2:][~explored[:, 2:]], 0.8)
    others = POOL - np.arange(2, 6) - 1
    assert np.allclose(
        lists.propensity[:, 2:][explored[:, 2:]], np.tile(0.2 / others, (4000, 1))[explored[:, 2:]]
    )


def test_each_phone_is_drawn_as_often_as_its_propensity_says() -> None:
    """The mean inverse propensity is, in expectation, the number of phones that can have the place."""
    lists = made(users=20_000, explore_share=0.3, explore_from_rank=1, n=1)
    assert (1 / lists.propensity[:, 0].astype(np.float64)).mean() == pytest.approx(POOL, rel=0.05)
    counts = np.bincount(lists.items[:, 0], minlength=POOL) / 20_000
    assert counts[0] == pytest.approx(0.7, abs=0.02)
    assert np.allclose(counts[1:], 0.3 / (POOL - 1), atol=0.006)


def test_exploration_is_the_same_for_the_same_seed_and_whoever_else_is_in_the_block() -> None:
    options: dict[str, Any] = {"explore_share": 0.5, "explore_from_rank": 1}
    many, again, alone = made(50, **options), made(50, **options), made(1, **options)
    assert np.array_equal(many.items, again.items)
    assert np.array_equal(many.items[:1], alone.items)
    assert not np.array_equal(many.items, made(50, seed=8, **options).items)


def test_no_phone_stands_twice_and_a_short_pool_gives_a_short_list() -> None:
    lists = made(users=200, n=20, explore_share=0.5, explore_from_rank=1, diversity=0.3)
    assert all(len(set(row[row >= 0].tolist())) == POOL for row in lists.items)
    assert (lists.items[:, POOL:] == -1).all()


def test_a_place_that_is_not_by_score_says_what_gave_it() -> None:
    vectors = np.eye(POOL, dtype=np.float32)
    vectors[1] = vectors[2] = vectors[0]
    lists = made(vectors=vectors, n=4, diversity=0.5, launches=(6,), launch_bonus=0.6, launch_floor=0.1)
    names = [PLACED_BY[origin] for origin in lists.origin[0]]
    assert (lists.items[0].tolist(), names) == (
        [6, 0, 3, 4],
        ["launch", "score", "diversity", "diversity"],
    )


def test_a_lower_score_above_a_higher_one_is_never_said_to_be_by_score() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(POOL, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    options: dict[str, Any] = {
        "diversity": 0.4,
        "launch_bonus": 0.2,
        "explore_share": 0.2,
        "explore_from_rank": 2,
    }
    lists = made(users=300, vectors=vectors, launches=(4, 7), **options)
    # Phones 0, 1, 2, ... have falling scores, so a greater number below a smaller one is in order.
    is_out_of_order = [[min(row[place:]) < row[place] for place in range(6)] for row in lists.items.tolist()]
    by_score = lists.origin == PlacementSource.MODEL
    assert np.array_equal(by_score & np.array(is_out_of_order), np.zeros((300, 6), bool))
    assert set(np.unique(lists.origin)) == {0, 1, 2, 4}


def test_a_boosted_phone_above_a_higher_score_is_placed_by_its_campaign() -> None:
    lists = made(users=1, n=4)
    mark_boosted(lists, np.array([[0.9, 0.5, 0.8, 0.7]], np.float32))
    assert [PLACED_BY[origin] for origin in lists.origin[0]] == ["score", "campaign", "score", "score"]

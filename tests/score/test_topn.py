"""The top-N equals brute force to the last bit, whatever the block size or device."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from handpick.score.topn import TopN, fold, top_n
from models.interface import Factors


def brute_force(
    factors: Factors, n: int, exclude: sparse.csr_matrix | None, allowed: np.ndarray | None
) -> TopN:
    """All scores at once, one Python loop per user: the definition, written down."""
    width = 1 << max(0, int(factors.users.shape[1] - 1).bit_length())
    items = np.full((len(factors.users), n), -1, np.int32)
    scores = np.full((len(factors.users), n), -np.inf, np.float32)
    for user, vector in enumerate(factors.users):
        exact = fold(vector.astype(np.float64) * factors.items.astype(np.float64), width).astype(np.float32)
        barred = set() if exclude is None else set(exclude[user].indices)
        ranked = [
            item
            for item in sorted(range(len(exact)), key=lambda item: (-exact[item], item))
            if item not in barred and (allowed is None or allowed[item])
        ][:n]
        items[user, : len(ranked)] = ranked
        scores[user, : len(ranked)] = exact[ranked]
    return TopN(items, scores)


def example(
    seed: int, users: int, items: int, dim: int, ties: bool = False
) -> tuple[Factors, sparse.csr_matrix]:
    """Random factors with skewed norms, as ALS gives them, and random exclusions."""
    rng = np.random.default_rng(seed)
    u = rng.normal(size=(users, dim)).astype(np.float32)
    i = (rng.normal(size=(items, dim)) * rng.gamma(0.5, size=(items, 1))).astype(np.float32)
    if ties:
        u, i = np.round(u), np.round(i)
    return Factors(u, i), sparse.random(users, items, 0.1, format="csr", random_state=seed)


def same(left: TopN, right: TopN) -> bool:
    return np.array_equal(left.items, right.items) and left.scores.tobytes() == right.scores.tobytes()


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    users=st.integers(1, 40),
    items=st.integers(1, 300),
    dim=st.integers(1, 70),
    n=st.integers(1, 30),
    ties=st.booleans(),
    with_exclusions=st.booleans(),
    block=st.sampled_from([1, 5_000, 64 << 20]),
)
def test_the_lists_equal_brute_force(
    *, seed: int, users: int, items: int, dim: int, n: int, ties: bool, with_exclusions: bool, block: int
) -> None:
    factors, exclude = example(seed, users, items, dim, ties)
    barred = exclude if with_exclusions else None
    allowed = np.random.default_rng(seed).random(items) < 0.8 if with_exclusions else None
    found = top_n(factors, n, exclude=barred, allowed=allowed, block_bytes=block)
    assert same(found, brute_force(factors, n, barred, allowed))


def test_equal_scores_are_ordered_by_item() -> None:
    factors = Factors(np.ones((2, 3), np.float32), np.ones((50, 3), np.float32))
    assert top_n(factors, 4).items.tolist() == [[0, 1, 2, 3]] * 2


def test_a_user_with_nothing_left_gets_an_empty_list() -> None:
    factors, _ = example(1, 3, 10, 4)
    everything = sparse.csr_matrix(np.array([[1] * 10, [0] * 10, [1] * 9 + [0]]))
    found = top_n(factors, 5, exclude=everything)
    assert (found.items[0] == -1).all()
    assert (found.items[1] >= 0).all()
    assert found.items[2].tolist() == [9, -1, -1, -1, -1]


def test_values_that_are_not_finite_are_refused() -> None:
    factors, _ = example(1, 3, 10, 4)
    factors.users[1, 1] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        top_n(factors, 5)

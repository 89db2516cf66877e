"""The exact top-N equals brute force to the last bit, whatever the block size or device."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from models.recommender_interface import Factors
from models.topn.exact import TopN, find_top_n
from models.topn.first_pass import list_first_passes


def folded(products: np.ndarray, width: int) -> np.ndarray:
    """Add the right half of the columns to the left until one is left, and return the row sums."""
    products = np.pad(products, ((0, 0), (0, width - products.shape[1])))
    while width > 1:
        width //= 2
        products = products[:, :width] + products[:, width : 2 * width]
    return products[:, 0]


def brute_force(
    factors: Factors, n: int, exclude: sparse.csr_matrix | None, allowed: np.ndarray | None
) -> TopN:
    """Find the top-N by its definition: all scores at once, and one Python loop per user."""
    width = 1 << max(0, int(factors.users.shape[1] - 1).bit_length())
    items = np.full((len(factors.users), n), -1, np.int32)
    scores = np.full((len(factors.users), n), -np.inf, np.float32)
    for user, vector in enumerate(factors.users):
        exact = folded(vector.astype(np.float64) * factors.items.astype(np.float64), width).astype(np.float32)
        excluded = set() if exclude is None else set(exclude[user].indices)
        ranked = [
            item
            for item in sorted(range(len(exact)), key=lambda item: (-exact[item], item))
            if item not in excluded and (allowed is None or allowed[item])
        ][:n]
        items[user, : len(ranked)] = ranked
        scores[user, : len(ranked)] = exact[ranked]
    return TopN(items, scores)


def example(
    seed: int, users: int, items: int, dim: int, ties: bool = False
) -> tuple[Factors, sparse.csr_matrix]:
    """Return random factors with skewed norms, as ALS gives them, and random exclusions."""
    rng = np.random.default_rng(seed)
    u = rng.normal(size=(users, dim)).astype(np.float32)
    i = (rng.normal(size=(items, dim)) * rng.gamma(0.5, size=(items, 1))).astype(np.float32)
    if ties:
        u, i = np.round(u), np.round(i)
    return Factors(u, i), sparse.random(users, items, 0.1, random_state=seed).tocsr()


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
    first_pass=st.sampled_from([one.name for one in list_first_passes()]),
)
def test_the_lists_equal_brute_force(
    *,
    seed: int,
    users: int,
    items: int,
    dim: int,
    n: int,
    ties: bool,
    with_exclusions: bool,
    first_pass: str,
) -> None:
    factors, exclude = example(seed, users, items, dim, ties)
    excluded = exclude if with_exclusions else None
    allowed = np.random.default_rng(seed).random(items) < 0.8 if with_exclusions else None
    found = find_top_n(factors, n, exclude=excluded, allowed=allowed, first_pass=first_pass)
    assert same(found, brute_force(factors, n, excluded, allowed))


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), power=st.sampled_from([-40, -12, 0, 12]), ties=st.booleans())
def test_the_float_pass_and_unequal_coordinates_give_the_same_lists(
    seed: int, power: int, ties: bool
) -> None:
    """Blends put coordinates of very different size side by side, and some users only have very small ones."""
    factors, excluded = example(seed, 20, 200, 9, ties)
    scale = np.float32(10.0) ** np.array([power, 3, -3, 0, 0, 0, 6, 0, 0], np.float32)
    factors.users[:] *= scale
    factors.items[:] /= np.where(power == -40, 1, scale)
    expected = brute_force(factors, 7, excluded, None)
    for one in list_first_passes(9):
        assert same(find_top_n(factors, 7, exclude=excluded, first_pass=one.name), expected), one.name


@pytest.mark.parametrize("n", [1, 20, 100])
def test_more_items_than_one_tile_and_users_with_most_of_them_excluded(n: int) -> None:
    factors, excluded = example(n, 12, 4_500, 16)
    most = sparse.vstack([excluded[:8], sparse.random(4, 4_500, 0.995, random_state=2).tocsr()])
    factors.users[3] = 0
    allowed = np.random.default_rng(n).random(4_500) < 0.9
    found = find_top_n(factors, n, exclude=most, allowed=allowed)
    assert same(found, brute_force(factors, n, most, allowed))


def test_kinds_of_users_may_have_different_items() -> None:
    factors, excluded = example(3, 50, 120, 8)
    kind = np.arange(50) % 3
    allowed = np.random.default_rng(1).random((3, 120)) < 0.5
    found = find_top_n(factors, 6, exclude=excluded, allowed=allowed, kind=kind)
    for code in range(3):
        rows = np.flatnonzero(kind == code)
        alone = brute_force(Factors(factors.users[rows], factors.items), 6, excluded[rows], allowed[code])
        assert same(TopN(found.items[rows], found.scores[rows]), alone)


def test_equal_scores_are_ordered_by_item() -> None:
    factors = Factors(np.ones((2, 3), np.float32), np.ones((50, 3), np.float32))
    assert find_top_n(factors, 4).items.tolist() == [[0, 1, 2, 3]] * 2


def test_a_user_with_nothing_left_gets_an_empty_list() -> None:
    factors, _ = example(1, 3, 10, 4)
    everything = sparse.csr_matrix(np.array([[1] * 10, [0] * 10, [1] * 9 + [0]]))
    found = find_top_n(factors, 5, exclude=everything)
    assert (found.items[0] == -1).all()
    assert (found.items[1] >= 0).all()
    assert found.items[2].tolist() == [9, -1, -1, -1, -1]


def test_values_that_are_not_finite_are_refused() -> None:
    factors, _ = example(1, 3, 10, 4)
    factors.users[1, 1] = np.nan
    with pytest.raises(ValueError, match="NaN or infinite"):
        find_top_n(factors, 5)

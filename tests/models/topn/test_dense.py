"""The top-N of given scores has the order of the exact one, and equals it where float32 products are exact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from models.recommender_interface import Factors
from models.topn.dense import find_top_n_in_float32, find_top_n_of_scores
from models.topn.exact import find_top_n


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    users=st.integers(1, 40),
    items=st.integers(1, 200),
    dim=st.integers(1, 40),
    n=st.integers(1, 30),
    largest=st.sampled_from([1, 4, 100]),
    with_exclusions=st.booleans(),
)
def test_lists_of_exact_float32_products_are_the_exact_ones_ties_included(
    *, seed: int, users: int, items: int, dim: int, n: int, largest: int, with_exclusions: bool
) -> None:
    """Small whole numbers: sums of their products are exact in float32, and many are equal."""
    draw = np.random.default_rng(seed)
    factors = Factors(
        *(draw.integers(-largest, largest + 1, (rows, dim)).astype(np.float32) for rows in (users, items))
    )
    exclude = sparse.random(users, items, 0.2, random_state=seed).tocsr() if with_exclusions else None
    allowed = draw.random(items) < 0.8 if with_exclusions else None
    exact = find_top_n(factors, n, exclude=exclude, allowed=allowed).items
    assert np.array_equal(find_top_n_in_float32(factors, n, exclude, allowed), exact)
    scores = factors.users @ factors.items.T
    assert np.array_equal(find_top_n_of_scores(scores, n, exclude, allowed), exact)


def test_two_items_that_float32_cannot_tell_apart_are_ordered_by_item() -> None:
    """The definitions differ here: in exact scores the second item is better by 2^-30, before rounding to float32."""
    close = Factors(np.array([[1.0, 1.0, -1.0]], np.float32), np.zeros((2, 3), np.float32))
    close.items[0] = [1.0, 0.0, 1.0]
    close.items[1] = [1.0, 2.0**-30, 1.0]
    assert find_top_n(close, 2).items.tolist() == [[1, 0]]
    rounded = ((close.users[:, :2] @ close.items[:, :2].T) - np.float32(1)).astype(np.float32)
    assert find_top_n_of_scores(rounded, 2).tolist() == [[0, 1]]


def test_scores_that_are_not_finite_rank_last_or_are_refused() -> None:
    broken = Factors(np.array([[1.0]], np.float32), np.array([[1.0], [np.nan], [2.0]], np.float32))
    assert find_top_n_in_float32(broken, 3).tolist() == [[2, 0, -1]]
    with pytest.raises(ValueError, match="NaN or infinite"):
        find_top_n(broken, 3)


def test_lists_leave_out_what_is_excluded_and_settle_ties_by_item() -> None:
    scores = np.array([[1, 3, 3, 3, 2], [0, 0, np.nan, 0, 0]], np.float32)
    exclude = sparse.csr_matrix(([1.0], ([0], [2])), shape=(2, 5))
    allowed = np.array([True, True, True, True, False])
    assert find_top_n_of_scores(scores, 4, exclude, allowed).tolist() == [[1, 3, 0, -1], [0, 1, 3, -1]]


def test_blocked_lists_are_the_whole_sort() -> None:
    random = np.random.default_rng(3)
    factors = Factors(
        random.standard_normal((500, 8)).astype(np.float32),
        random.standard_normal((90, 8)).astype(np.float32),
    )
    whole = np.argsort(-(factors.users @ factors.items.T), axis=1, kind="stable")[:, :20]
    assert np.array_equal(find_top_n_in_float32(factors, 20), whole)

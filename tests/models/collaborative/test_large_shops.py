"""Large catalogues and many users: the results are the same, and memory is bounded."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
from scipy import sparse

from models.collaborative.graph_filter import GraphFilter
from models.collaborative.item_item import make_dense
from models.collaborative.item_neighbours import BLOCK_ITEMS, find_nearest_items, keep_largest
from models.collaborative.low_rank import (
    MAX_LANCZOS_VECTORS,
    approximate_low_rank,
    compute_leading_directions,
)
from models.config import EaseConfig, FamilyConfig, GraphFilterConfig, UserNeighboursConfig
from models.dataset import Dataset
from models.member_registry import make_member


def random_rows(rows: int, columns: int, density: float, seed: int = 0) -> sparse.csr_matrix:
    """Return a sparse matrix of positive numbers."""
    return sparse.random(rows, columns, density, dtype=np.float32, rng=np.random.default_rng(seed)).tocsr()


def test_neighbours_found_in_blocks_are_those_of_the_whole_matrix() -> None:
    vectors = random_rows(70, 40, 0.2)
    products = (vectors @ vectors.T).toarray()
    np.fill_diagonal(products, 0)
    for block in (1, 16, 70):
        found = find_nearest_items(vectors, 9, block).toarray()
        assert np.array_equal(found, keep_largest(products, 9)), block
        assert ((found > 0).sum(axis=1) <= 9).all()
    for row, kept in zip(products, found, strict=True):
        assert np.allclose(np.sort(row)[-9:], np.sort(kept)[-9:])


def test_of_equal_neighbours_the_first_are_kept() -> None:
    alike = np.array([[0.5, 0.5, 0.9, 0.5], [0.0, 0.0, 0.0, 0.1]], np.float32)
    first = np.array([[0.5, 0.0, 0.9, 0.0], [0.0, 0.0, 0.0, 0.1]], np.float32)
    assert np.array_equal(keep_largest(alike, 2), first)


def test_neighbours_need_the_memory_that_is_stated_and_not_the_square_of_the_items() -> None:
    items, count = 8_000, 20
    vectors = random_rows(items, 3_000, 0.002)
    tracemalloc.start()
    try:
        find_nearest_items(vectors, count)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    own = 4 * (vectors.data.nbytes + vectors.indices.nbytes)
    assert peak <= 24 * BLOCK_ITEMS * items + 16 * items * count + own
    assert peak < 4 * items**2


def test_the_graph_filter_equals_its_formula_without_being_dense(past: Dataset) -> None:
    member = make_member("graph_filter", FamilyConfig()).fit(past, 0)
    history = member.history(past, np.arange(len(past.users))).toarray().astype(float)
    by_user, by_item = (np.maximum(history.sum(axis=axis), 1e-6) for axis in (1, 0))
    adjacency = history / np.sqrt(by_user)[:, None] / np.sqrt(by_item)
    config = member.config
    assert isinstance(config, GraphFilterConfig)
    passed = np.linalg.svd(adjacency)[2][: config.frequencies].T
    low = (passed / np.sqrt(by_item)[:, None]) @ (passed * np.sqrt(by_item)[:, None]).T
    expected = adjacency.T @ adjacency + config.low_pass * low
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(member.array("weights"), expected, atol=1e-4)
    operator = GraphFilter(config)
    operator.item_ids = member.item_ids
    weights = operator.weights(past, 0)
    turned = random_rows(len(member.item_ids), 3, 1.0).toarray().astype(float)
    np.testing.assert_allclose(weights.T @ turned, make_dense(weights).T @ turned, atol=1e-4)


def test_thin_matrices_are_almost_the_best_ones() -> None:
    matrix = random_rows(90, 60, 0.3)
    left, right = approximate_low_rank(matrix, 12, seed=1)
    inner, values, outer = np.linalg.svd(matrix.toarray())
    best = (inner[:, :12] * values[:12]) @ outer[:12]
    lost, least = (np.linalg.norm(matrix.toarray() - near) for near in (left @ right.T, best))
    assert lost <= 1.001 * least
    assert np.array_equal(left, approximate_low_rank(matrix, 12, seed=1)[0])


def test_neighbours_come_from_a_pool_that_the_seed_draws(past: Dataset, tmp_path: Path) -> None:
    config = FamilyConfig(user_cosine=UserNeighboursConfig(pool=40))
    for name in ("one", "two"):
        make_member("user_cosine", config).fit(past, 3).save(tmp_path / name)
    member = make_member("user_cosine", config).fit(past, 3)
    assert len(member.arrays["indptr"]) == 40 + 1
    one, two = ((tmp_path / name / "arrays.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two
    other = make_member("user_cosine", config).fit(past, 4)
    assert not np.array_equal(other.arrays["indices"], member.arrays["indices"])
    assert np.isfinite(member.score(past, np.arange(20))).all()


def test_ease_says_in_one_line_that_a_catalogue_is_too_large(past: Dataset) -> None:
    assert not make_member("ease", FamilyConfig()).describe_size_limit(past)
    reason = make_member("ease", FamilyConfig(ease=EaseConfig(max_items=10))).describe_size_limit(past)
    assert "max_items" in reason and "\n" not in reason
    assert not make_member("als", FamilyConfig()).describe_size_limit(past)


def test_exact_scores_are_those_of_the_whole_filter(data: Dataset, tmp_path: Path) -> None:
    """With every exponent away from its default, by the formula; and read back from disk."""
    settings = {
        "frequencies": 7, "low_pass": 0.4, "neighbours": 0.8, "degree": 0.4,
        "between_degree": 0.7, "from_degree": 0.6, "to_degree": 0.3,
    }  # fmt: skip
    users = np.arange(len(data.users))
    whole_one = GraphFilter(GraphFilterConfig(**settings)).fit(data, seed=1)
    exact = GraphFilter(GraphFilterConfig(**settings, is_exact=True)).fit(data, seed=1)
    np.testing.assert_allclose(exact.score(data, users), whole_one.score(data, users), rtol=1e-3, atol=1e-4)
    history = exact.history(data, users).toarray().astype(np.float64)
    user, item = history.sum(1), history.sum(0)
    kept = item > 0
    history, item = history[:, kept], item[kept]
    user = np.maximum(user, 1e-6)
    adjacency = history * (user**-0.4)[:, None] * item**-0.4
    passed = np.linalg.svd(adjacency, full_matrices=False)[2][:7].T
    weights = 0.8 * (history * item**-0.6).T @ (history * (user**-0.7)[:, None] * item**-0.3)
    weights += 0.4 * (passed * (item**-0.4)[:, None]) @ (passed * (item**0.4)[:, None]).T
    np.fill_diagonal(weights, 0)
    np.testing.assert_allclose(exact.score(data, users)[:, kept], history @ weights, rtol=1e-3, atol=1e-4)
    exact.save(tmp_path)
    again = GraphFilter.load(tmp_path)
    assert np.array_equal(again.score(data, users), exact.score(data, users))


def test_many_directions_are_close_to_the_leading_ones() -> None:
    matrix = random_rows(400, 300, 0.1)
    matrix = matrix @ sparse.diags(np.exp(-np.arange(300) / 25))
    found = compute_leading_directions(matrix.tocsr(), MAX_LANCZOS_VECTORS + 2, seed=0)
    np.testing.assert_allclose(found.T @ found, np.eye(MAX_LANCZOS_VECTORS + 2), atol=1e-4)
    values = np.linalg.svd(matrix.toarray(), compute_uv=False)[: MAX_LANCZOS_VECTORS + 2]
    np.testing.assert_allclose(np.linalg.norm(matrix @ found, axis=0)[:60], values[:60], rtol=1e-3)

"""Low-rank approximation and leading singular vectors of matrices too large for an exact decomposition."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, svds

from models.dataset import FloatArray

OVERSAMPLING, POWER_ITERATIONS = 32, 3
"""Extra directions and rounds of the subspace iteration; more of either make it more accurate."""
MAX_LANCZOS_VECTORS = 128
"""Largest number of singular vectors found by Lanczos iteration; subspace iteration is faster for more."""


def approximate_low_rank(
    matrix: FloatArray | sparse.csr_matrix | LinearOperator, rank: int, seed: int
) -> tuple[FloatArray, FloatArray]:
    """Approximate a matrix by the product of two thin ones, close to the best of that rank.

    Subspace iteration from a random start (Halko, Martinsson and Tropp, SIAM Review 2011, algorithms 4.4 and
    5.1). The matrix is only multiplied with, so in addition to it this needs about
    `3 * 8 * (n + m) * (rank + OVERSAMPLING)` bytes.

    Args:
        matrix: `(n, m)`.
        rank: Width of the approximation.
        seed: Seed of the start.

    Returns:
        `left (n, rank) float32` and `right (m, rank) float32`; the matrix is about `left @ right.T`.
    """
    exact: Any = matrix  # scipy's stubs know a LinearOperator only as its factory
    if not isinstance(exact, LinearOperator):
        exact = exact.astype(np.float64)
    width = min(rank + OVERSAMPLING, *exact.shape)
    start = np.random.default_rng(seed).standard_normal((exact.shape[1], width))
    basis = np.linalg.qr(exact @ start)[0]
    for _ in range(POWER_ITERATIONS):
        basis = np.linalg.qr(exact.T @ basis)[0]
        basis = np.linalg.qr(exact @ basis)[0]
    turned, triangle = np.linalg.qr(exact.T @ basis)
    inner, values, outer = np.linalg.svd(triangle.T)
    right = turned @ outer[:rank].T
    # Singular vectors are determined up to their sign: the largest coordinate is made positive, so that it
    # does not depend on LAPACK.
    signs = np.sign(right[np.abs(right).argmax(axis=0), np.arange(right.shape[1])])
    left = basis @ (inner[:, :rank] * (values[:rank] * signs))
    return left.astype(np.float32), (right * signs).astype(np.float32)


def compute_leading_directions(matrix: sparse.csr_matrix, rank: int, seed: int) -> FloatArray:
    """Compute the first right singular vectors of a matrix; above `MAX_LANCZOS_VECTORS`, approximately.

    Returns:
        `(columns, rank) float32`, by falling singular value.
    """
    if rank > MAX_LANCZOS_VECTORS:
        return _iterate_subspace(matrix.astype(np.float32), rank, seed)
    # svds would draw its start from numpy's global state.
    start = np.random.default_rng(seed).standard_normal(min(matrix.shape))
    _, values, right = svds(matrix, k=min(rank, min(matrix.shape) - 1), v0=start)
    return np.ascontiguousarray(right[np.argsort(-values)].T, np.float32)


def _iterate_subspace(matrix: sparse.csr_matrix, rank: int, seed: int) -> FloatArray:
    """Compute leading directions by subspace iteration, in about `16 * columns * rank` bytes."""
    width = min(rank + OVERSAMPLING, *matrix.shape)
    turned = matrix.T.tocsr()
    basis: FloatArray = np.random.default_rng(seed).standard_normal((matrix.shape[1], width), np.float32)
    for _ in range(POWER_ITERATIONS):
        basis = np.linalg.qr(turned @ (matrix @ basis))[0]
    image = matrix @ basis
    # eigh sorts by rising eigenvalue; the leading directions are the last ones.
    vectors = np.linalg.eigh(image.T @ image)[1][:, ::-1]
    return np.ascontiguousarray(basis @ vectors[:, :rank], np.float32)

"""Exact top-N: for every user the N best allowed items, to the last bit, without keeping the score matrix.

**What exact means.** The score of user u for item i is the float32 nearest to the sum of the products
`float64(u_k) * float64(i_k)`, folded in halves (`exact_scores`). Each product is exact in float64 and the order of
additions is fixed, so block size, thread count and device cannot change a bit of it. Items are ranked by that score,
equal scores by the lower item index (items are sorted by id, so: by id).

**How it is fast.** A first pass scores everything approximately, tile by tile, within an error bound that is proven:
8-bit integers where the processor multiplies them exactly (`integers`), on an NVIDIA GPU TF32 fused with the selection
(`fused`), else float32 (`floats`). Only items whose bound reaches the n-th best are kept and scored exactly.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from models.data import BoolArray, FloatArray, IntArray
from models.interface import Factors
from models.topn import float32, gpu, int8
from models.topn.int8_matmul import is_exact
from models.topn.numba_kernels import exact_pairs
from models.topn.request import TopN, Wanted

__all__ = ["TopN", "exact_scores", "top_n"]


def top_n(
    factors: Factors,
    n: int,
    *,
    exclude: sparse.csr_matrix | None = None,
    allowed: BoolArray | None = None,
    kind: IntArray | None = None,
    device: str = "cpu",
    tile_bytes: int | None = None,
) -> TopN:
    """The n best allowed items of every user.

    Args:
        factors: `(users, d)` and `(items, d)` float32.
        n: Length of the lists.
        exclude: `(users, items)`; a stored entry, whatever its value, keeps the item off that user's list.
        allowed: `(items,)`, or `(kinds, items)` with `kind`; items that may not be had are False.
        kind: `(users,)`, each user's row of `allowed`.
        device: `cpu`, or a torch device for the first pass; the result is the same.
        tile_bytes: Memory of the approximate scores that exist at a time, in each thread.

    Raises:
        ValueError: If a factor is not finite, or shapes do not fit.
    """
    users, items = _checked(factors)
    wanted = _wanted(n, exclude, allowed, kind, shape=(len(users), len(items)))
    best = TopN(np.full((len(users), n), -1, np.int32), np.full((len(users), n), -np.inf, np.float32))
    there = np.flatnonzero(wanted.allowed.any(axis=0))
    if not len(there) or not len(users) or n <= 0:
        return best
    if device == "cpu" and is_exact(users.shape[1]):
        int8.by_integers(users, items, there, wanted, best, tile_bytes or int8.TILE_BYTES)
    elif device != "cpu" and gpu.suits(users, items[there], n, device):
        gpu.by_fused_blocks(users, items, there, wanted, best, device)
    else:
        size = tile_bytes or (float32.TILE_BYTES if device == "cpu" else float32.DEVICE_TILE_BYTES)
        float32.by_floats(users, items, there, wanted, best, size, device)
    return best


def exact_scores(users: FloatArray, items: FloatArray, rows: IntArray, columns: IntArray) -> FloatArray:
    """`(pairs,) float32`: the exact scores of the pairs (rows, columns)."""
    scores = np.empty(len(rows), np.float32)
    exact_pairs(
        np.ascontiguousarray(users, np.float32),
        np.ascontiguousarray(items, np.float32),
        rows,
        columns,
        scores,
    )
    return scores


def _checked(factors: Factors) -> tuple[FloatArray, FloatArray]:
    """Contiguous float32 factors."""
    users = np.ascontiguousarray(factors.users, np.float32)
    items = np.ascontiguousarray(factors.items, np.float32)
    if users.ndim != 2 or items.ndim != 2 or users.shape[1] != items.shape[1]:
        raise ValueError(f"factors do not fit: users {users.shape}, items {items.shape}")
    if not (np.isfinite(users).all() and np.isfinite(items).all()):
        raise ValueError("factors hold NaN or infinite values")
    return users, items


def _wanted(
    n: int,
    exclude: sparse.csr_matrix | None,
    allowed: BoolArray | None,
    kind: IntArray | None,
    shape: tuple[int, int],
) -> Wanted:
    """What is wanted, checked and with nothing left out."""
    if exclude is not None and exclude.shape != shape:
        raise ValueError(f"exclude is {exclude.shape}, not {shape}")
    barred = _nothing(shape) if exclude is None else exclude.tocsr()
    if not barred.has_sorted_indices:
        barred = barred.sorted_indices()
    masks = np.ones((1, shape[1]), bool) if allowed is None else np.atleast_2d(allowed)
    kinds = np.zeros(shape[0], np.int32) if kind is None else kind.astype(np.int32)
    if masks.shape[1] != shape[1] or kinds.shape != shape[:1] or (kinds >= len(masks)).any():
        raise ValueError(f"allowed is {masks.shape} and kind {kinds.shape}, for factors {shape}")
    return Wanted(n, np.ascontiguousarray(masks), kinds, barred)


def _nothing(shape: tuple[int, int]) -> sparse.csr_matrix:
    """A matrix without entries."""
    none = np.zeros(0, np.int32)
    return sparse.csr_matrix((none, (none, none)), shape=shape)

"""Exact top-N: the N best allowed items of every user, to the last bit, without keeping the score matrix.

**What exact means.** The score of user u for item i is the float32 nearest to the sum of the products
`float64(u_k) * float64(i_k)`, added in halves (`compute_exact_scores`). Each product is exact in float64 and
the order of additions is fixed, so block size, thread count and device cannot change a bit of it. Items are
ranked by that score, equal scores by the lower item index (items are sorted by id, so: by id).

**How it is fast.** A first pass scores everything approximately within a proven error bound, and only items
whose upper bound reaches the n-th best lower bound are kept and scored exactly. So first passes differ in
speed alone, and the fastest one of this machine is taken (`first_pass`): 8-bit products in registers
(`dot_scan`), 8-bit products of oneDNN or float32 products of torch (`tile_products`), or on an NVIDIA GPU
TF32 fused with the selection (`gpu`).

`dense` holds the top-N of scores that are given, or are taken as float32 rounds them.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from models.dataset import BoolArray, FloatArray, IntArray
from models.recommender_interface import Factors
from models.topn import gpu
from models.topn.device import fill_on_device
from models.topn.first_pass import choose_first_pass
from models.topn.topn_request import TopN, make_empty_lists, make_request

__all__ = ["TopN", "find_top_n"]


def find_top_n(
    factors: Factors,
    n: int,
    *,
    exclude: sparse.csr_matrix | None = None,
    allowed: BoolArray | None = None,
    kind: IntArray | None = None,
    device: str = "cpu",
    first_pass: str | None = None,
) -> TopN:
    """Find the n best allowed items of every user by exact score.

    Args:
        factors: `(users, d)` and `(items, d)` float32.
        n: Length of the lists.
        exclude: `(users, items)`; a stored entry, whatever its value, keeps the item off that user's list.
        allowed: `(items,)`, or `(kinds, items)` with `kind`; False for items that may not be listed.
        kind: `(users,)`, each user's row of `allowed`.
        device: `cpu`, or a torch device for the first pass; the result is the same.
        first_pass: Name of the first pass on a processor (`first_pass.list_first_passes`); None for the one
            that is fastest here. The result is the same.

    Raises:
        ValueError: If a factor is not finite, shapes do not fit, or this machine has no such first pass.
    """
    users, items = _check_factors(factors)
    request = make_request(n, exclude, allowed, kind, shape=(len(users), len(items)))
    best = make_empty_lists(len(users), n)
    # Items that no kind of user may get are never scored.
    candidates = np.flatnonzero(request.allowed.any(axis=0))
    if not len(candidates) or not len(users) or n <= 0:
        return best
    if device == "cpu":
        choose_first_pass(users.shape[1], first_pass).fill(users, items, candidates, request, best)
    elif gpu.can_run_fused(users, items[candidates], n, device):
        gpu.fill_by_fused_kernels(users, items, candidates, request, best, device)
    else:
        fill_on_device(users, items, candidates, request, best, device)
    return best


def _check_factors(factors: Factors) -> tuple[FloatArray, FloatArray]:
    """Return contiguous float32 factors, or raise a ValueError where they cannot be used."""
    users = np.ascontiguousarray(factors.users, np.float32)
    items = np.ascontiguousarray(factors.items, np.float32)
    if users.ndim != 2 or items.ndim != 2 or users.shape[1] != items.shape[1]:
        raise ValueError(f"factors do not fit: users {users.shape}, items {items.shape}")
    # The error bounds of the first pass hold for finite numbers only, and NaN has no rank.
    if not (np.isfinite(users).all() and np.isfinite(items).all()):
        raise ValueError("factors hold NaN or infinite values")
    return users, items

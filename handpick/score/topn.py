"""Exact top-N: for every user the N best allowed items, to the last bit, without keeping the score matrix.

**What exact means.** The score of user u for item i is the float32 nearest to the sum of the products
`float64(u_k) * float64(i_k)`, folded in halves (`exact_scores`). Each product is exact in float64 and the order of
additions is fixed, so block size, thread count and device cannot change a bit of it. Items are ranked by that score,
equal scores by the lower item index (items are sorted by id, so: by id).

**How it is fast.** A cheap first pass scores everything approximately, within an error bound that is proven, keeps
the few items that could be among the best N, and only those are scored exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.data import BoolArray, FloatArray, IntArray
from models.interface import Factors

BLOCK_BYTES = 64 << 20
"""Memory for one block of approximate scores."""


class TopN(NamedTuple):
    """The best items of each user.

    Args:
        items: `(users, n) int32` indices of items, best first; -1 where a user has fewer than n allowed items.
        scores: `(users, n) float32`, exact; minus infinity where `items` is -1.
    """

    items: NDArray[np.int32]
    scores: FloatArray


def top_n(
    factors: Factors,
    n: int,
    *,
    exclude: sparse.csr_matrix | None = None,
    allowed: BoolArray | None = None,
    device: str = "cpu",
    block_bytes: int = BLOCK_BYTES,
) -> TopN:
    """The n best allowed items of every user.

    Args:
        factors: `(users, d)` and `(items, d)` float32.
        n: Length of the lists.
        exclude: `(users, items)`; a stored entry, whatever its value, keeps the item off that user's list.
        allowed: `(items,)`; items that nobody may get are False.
        device: `cpu`, or a torch device for the first pass; the result is the same.
        block_bytes: Memory bound of the first pass.

    Raises:
        ValueError: If a factor is not finite, or shapes do not fit.
    """
    users, items = _checked(factors, exclude, allowed)
    order = np.arange(len(items)) if allowed is None else np.flatnonzero(allowed)
    best = TopN(np.full((len(users), n), -1, np.int32), np.full((len(users), n), -np.inf, np.float32))
    if not len(order) or not len(users) or n <= 0:
        return best
    barred = None if exclude is None else exclude[:, order].tocsr()
    for rows, candidate_users, candidate_items in _candidates(
        users, items[order], n=n, barred=barred, device=device, block_bytes=block_bytes
    ):
        scores = exact_scores(users, items[order], candidate_users, candidate_items)
        _fill(best, rows, candidate_users, order[candidate_items], scores)
    return best


def exact_scores(users: FloatArray, items: FloatArray, rows: IntArray, columns: IntArray) -> FloatArray:
    """`(pairs,) float32`: the exact scores of the pairs (rows, columns), in the one order of additions."""
    width = 1 << max(0, int(users.shape[1] - 1).bit_length())
    result = np.empty(len(rows), np.float32)
    step = max(1, (16 << 20) // (8 * width))
    for start in range(0, len(rows), step):
        part = slice(start, start + step)
        products = users[rows[part]].astype(np.float64) * items[columns[part]]
        result[part] = fold(products, width)
    return result


def fold(products: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Row sums of `(n, d)`, `d <= width` a power of two, adding the right half to the left until one is left."""
    if products.shape[1] < width:
        products = np.pad(products, ((0, 0), (0, width - products.shape[1])))
    while width > 1:
        width //= 2
        products = products[:, :width] + products[:, width : 2 * width]
    return products[:, 0]


def _checked(
    factors: Factors, exclude: sparse.csr_matrix | None, allowed: BoolArray | None
) -> tuple[FloatArray, FloatArray]:
    """Contiguous float32 factors."""
    users = np.ascontiguousarray(factors.users, np.float32)
    items = np.ascontiguousarray(factors.items, np.float32)
    if users.ndim != 2 or items.ndim != 2 or users.shape[1] != items.shape[1]:
        raise ValueError(f"factors do not fit: users {users.shape}, items {items.shape}")
    if exclude is not None and exclude.shape != (len(users), len(items)):
        raise ValueError(f"exclude is {exclude.shape}, not {(len(users), len(items))}")
    if allowed is not None and allowed.shape != (len(items),):
        raise ValueError(f"allowed is {allowed.shape}, not {(len(items),)}")
    if not (np.isfinite(users).all() and np.isfinite(items).all()):
        raise ValueError("factors hold NaN or infinite values")
    return users, items


def _candidates(
    users: FloatArray,
    items: FloatArray,
    *,
    n: int,
    barred: sparse.csr_matrix | None,
    device: str,
    block_bytes: int,
) -> Iterator[tuple[slice, IntArray, IntArray]]:
    """Per block of users: its rows, and (user, item) pairs that hold every pair of the block's exact top n.

    A float32 inner product of length d, summed in any order, is off by at most `d * eps / (1 - d * eps)` times
    the product of the norms (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., eq. 3.5). So an item
    whose approximate score is more than twice that below the n-th best approximate score cannot be in the top n.
    """
    import torch

    dim = users.shape[1]
    relative = dim * 2.0**-24 / (1 - dim * 2.0**-24)
    longest = float(np.linalg.norm(items.astype(np.float64), axis=1).max())
    error = (relative * 1.01) * np.linalg.norm(users.astype(np.float64), axis=1) * longest + 1e-40
    columns = torch.from_numpy(items).to(device).T
    kept = min(n, len(items))
    block = max(1, block_bytes // (4 * len(items)))
    for start in range(0, len(users), block):
        rows = slice(start, min(start + block, len(users)))
        scores = torch.from_numpy(users[rows]).to(device) @ columns
        if barred is not None:
            part = barred[rows].tocoo()
            scores[
                torch.from_numpy(part.row.astype(np.int64)), torch.from_numpy(part.col.astype(np.int64))
            ] = -torch.inf
        floor = torch.topk(scores, kept, dim=1, sorted=True).values[:, -1].double()
        floor = torch.clamp(floor - 2 * torch.from_numpy(error[rows]).to(device), min=-3.0e38)
        found_users, found_items = torch.nonzero(scores.double() >= floor[:, None], as_tuple=True)
        yield rows, found_users.cpu().numpy() + start, found_items.cpu().numpy()


def _fill(best: TopN, rows: slice, users: IntArray, items: IntArray, scores: FloatArray) -> None:
    """Write the best of the candidate pairs of a block of users into the result."""
    order = np.lexsort((items, -scores, users))
    users, items, scores = users[order], items[order], scores[order]
    first = np.searchsorted(users, np.arange(rows.start, rows.stop))
    rank = np.arange(len(users)) - first[users - rows.start]
    keep = rank < best.items.shape[1]
    best.items[users[keep], rank[keep]] = items[keep]
    best.scores[users[keep], rank[keep]] = scores[keep]

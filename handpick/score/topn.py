"""Exact top-N: for every user the N best allowed items, to the last bit, without keeping the score matrix.

**What exact means.** The score of user u for item i is the float32 nearest to the sum of the products
`float64(u_k) * float64(i_k)`, folded in halves (`exact_scores`). Each product is exact in float64 and the order of
additions is fixed, so block size, thread count and device cannot change a bit of it. Items are ranked by that score,
equal scores by the lower item index (items are sorted by id, so: by id).

**How it is fast.** A first pass scores everything approximately, tile by tile, within an error bound that is proven:
8-bit integers where the processor multiplies them exactly, else float32, and float32 on a GPU. Only items whose bound
reaches the n-th best are kept, and only those are scored exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from handpick.score.quantised import Items, is_exact, round_items, round_users
from handpick.score.selection import best_of_pairs, exact_pairs, finish, gather
from models.data import BoolArray, FloatArray, IntArray
from models.interface import Factors

TILE_BYTES = 2 << 20
"""Memory of one tile of approximate scores in each thread; it should fit the processor's cache."""
TILE_ITEMS = 2048
DEVICE_TILE_BYTES = 1 << 30
"""The same on a GPU."""


class TopN(NamedTuple):
    """The best items of each user.

    Args:
        items: `(users, n) int32` indices of items, best first; -1 where a user has fewer than n allowed items.
        scores: `(users, n) float32`, exact; minus infinity where `items` is -1.
    """

    items: NDArray[np.int32]
    scores: FloatArray


class Wanted(NamedTuple):
    """How much is wanted, and what nobody or somebody may not have.

    Args:
        n: Length of the lists.
        allowed: `(kinds, items)`.
        kind: `(users,) int32`, rows of `allowed`.
        barred: `(users, items)` with sorted indices.
    """

    n: int
    allowed: BoolArray
    kind: NDArray[np.int32]
    barred: sparse.csr_matrix


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
        _by_integers(users, items, there, wanted, best, tile_bytes or TILE_BYTES)
    else:
        size = tile_bytes or (TILE_BYTES if device == "cpu" else DEVICE_TILE_BYTES)
        _by_floats(users, items, there, wanted, best, size, device)
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


def _by_integers(
    users: FloatArray, items: FloatArray, there: IntArray, wanted: Wanted, best: TopN, tile_bytes: int
) -> None:
    """Fill `best` by 8-bit products of the items that are there, blocks of users side by side in threads."""
    rounded = round_items(items[there], users)
    rounded = rounded._replace(order=there[rounded.order].astype(np.int32))
    tile = min(TILE_ITEMS, len(there))
    block = max(1, tile_bytes // (4 * tile))
    starts = range(0, len(users), block)

    def fill(start: int) -> None:
        rows = slice(start, min(start + block, len(users)))
        _fill_block(users, items, rounded, wanted, best, rows, tile)

    with _threads(len(starts)) as pool:
        list(pool.map(fill, starts))


@contextmanager
def _threads(most: int) -> Iterator[ThreadPoolExecutor]:
    """As many threads as torch may use, each of which multiplies alone."""
    import torch

    count = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(min(count, most), initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield pool
    finally:
        torch.set_num_threads(count)  # new threads take over what was set last in any thread


def _fill_block(
    users: FloatArray, items: FloatArray, rounded: Items, wanted: Wanted, best: TopN, rows: slice, tile: int
) -> None:
    """The lists of one block of users, one tile of items at a time."""
    import torch

    mine = users[rows]
    codes, bounds = round_users(mine, rounded)
    left, right = torch.from_numpy(codes), torch.from_numpy(rounded.codes)
    size = max(4 * wanted.n, wanted.n + 64)
    buffer = (
        np.empty((len(mine), size), np.int32),
        np.empty((len(mine), size), np.float32),
        np.empty((len(mine), size), np.float32),
        np.zeros(len(mine), np.int64),
        np.full(len(mine), -np.inf, np.float32),
    )
    barred = wanted.barred[rows]
    masks = (wanted.allowed, wanted.kind[rows], barred.indptr, barred.indices)
    for start in range(0, len(right), tile):
        part = slice(start, start + tile)
        item_bounds = np.ascontiguousarray(
            rounded.bounds[:, part]
        )  # compiled loops are fast on dense rows alone
        approximate = torch._int_mm(left, right[part].T).numpy()
        gather(
            approximate,
            rounded.order[part],
            item_bounds,
            bounds,
            wanted.n,
            buffer,
            masks,
            mine,
            items,
        )
    finish(wanted.n, buffer, mine, items, best.items[rows], best.scores[rows])


def _by_floats(
    users: FloatArray,
    items: FloatArray,
    there: IntArray,
    wanted: Wanted,
    best: TopN,
    tile_bytes: int,
    device: str,
) -> None:
    """Fill `best` by float32 products, all items that are there at a time.

    A float32 inner product of length d, summed in any order, is off by at most `d * eps / (1 - d * eps)` times
    the product of the norms (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., eq. 3.5). So an item
    whose approximate score is more than twice that below the n-th best approximate score cannot be in the top n.
    """
    import torch

    dim = users.shape[1]
    relative = dim * 2.0**-24 / (1 - dim * 2.0**-24)
    longest = float(np.linalg.norm(items[there].astype(np.float64), axis=1).max())
    error = (relative * 1.01) * np.linalg.norm(users.astype(np.float64), axis=1) * longest + 1e-40
    columns = torch.from_numpy(items[there]).to(device).T
    masks = torch.from_numpy(wanted.allowed[:, there]).to(device)
    barred = wanted.barred[:, there].tocsr()
    kept = min(wanted.n, len(there))
    block = max(1, tile_bytes // (4 * len(there)))
    for start in range(0, len(users), block):
        rows = slice(start, min(start + block, len(users)))
        scores = torch.from_numpy(users[rows]).to(device) @ columns
        scores.masked_fill_(~masks[torch.from_numpy(wanted.kind[rows]).to(device).long()], -torch.inf)
        part = barred[rows].tocoo()
        scores[
            torch.from_numpy(part.row.astype(np.int64)).to(device),
            torch.from_numpy(part.col.astype(np.int64)).to(device),
        ] = -torch.inf
        floor = torch.topk(scores, kept, dim=1, sorted=True).values[:, -1].double()
        floor = torch.clamp(floor - 2 * torch.from_numpy(error[rows]).to(device), min=-3.0e38)
        found_users, found_items = (
            part.cpu().numpy() for part in torch.nonzero(scores.double() >= floor[:, None], as_tuple=True)
        )
        starts = np.searchsorted(found_users, np.arange(len(scores) + 1))
        best_of_pairs(users[rows], items, starts, there[found_items], best.items[rows], best.scores[rows])

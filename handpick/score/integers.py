"""The exact top-N by 8-bit products, blocks of users side by side in threads, one tile of items at a time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from handpick.score.quantised import Items, round_items, round_users
from handpick.score.selection import finish, gather
from handpick.score.wanted import TopN, Wanted
from models.data import FloatArray, IntArray

TILE_BYTES = 2 << 20
"""Memory of one tile of approximate scores in each thread; it should fit the processor's cache."""
TILE_ITEMS = 2048


def by_integers(
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

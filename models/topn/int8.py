"""The exact top-N by 8-bit products, blocks of users side by side in threads, one tile of items at a time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from models.data import FloatArray, IntArray
from models.topn.int8_matmul import Tile, products
from models.topn.numba_kernels import finish, gather, start
from models.topn.quantize import Items, round_items, round_users
from models.topn.request import TopN, Wanted

TILE_BYTES = 2 << 20
"""Memory of one tile of approximate scores in each thread; it should fit the processor's cache."""
TILE_ITEMS = 4096


def by_integers(
    users: FloatArray, items: FloatArray, there: IntArray, wanted: Wanted, best: TopN, tile_bytes: int
) -> None:
    """Fill `best` by 8-bit products of the items that are there, blocks of users side by side in threads."""
    rounded = round_items(items[there], users)
    rounded = rounded._replace(order=there[rounded.order].astype(np.int32))
    width = min(TILE_ITEMS, len(there))
    tiles = [_tile(rounded, begin, begin + width) for begin in range(0, len(there), width)]
    place = np.full(len(items), len(items), np.int32)
    place[rounded.order] = np.arange(len(there), dtype=np.int32)
    first = np.where(wanted.allowed[:, rounded.order[:width]], 0, -np.inf).astype(np.float32)
    block = max(1, tile_bytes // (2 * width))
    blocks = range(0, len(users), block)

    def fill(begin: int) -> None:
        rows = slice(begin, min(begin + block, len(users)))
        _fill_block(users, items, rounded, tiles, (first, place), wanted, best, rows)

    with _threads(len(blocks)) as pool:
        list(pool.map(fill, blocks))


def _tile(rounded: Items, begin: int, end: int) -> tuple[Tile, FloatArray]:
    """Some items ready for multiplying, and the errors and lengths of their bounds."""
    step, *bounds = rounded.bounds[:, begin:end]
    tile = Tile(rounded.codes[begin:end], step)
    return tile, np.stack(bounds)  # compiled loops are fast on dense rows alone


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
    users: FloatArray,
    items: FloatArray,
    rounded: Items,
    tiles: list[tuple[Tile, FloatArray]],
    starting: tuple[FloatArray, NDArray[np.int32]],
    wanted: Wanted,
    best: TopN,
    rows: slice,
) -> None:
    """The lists of one block of users, one tile of items at a time."""
    mine = users[rows]
    codes, bounds = round_users(mine, rounded)
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
    begin = 0
    for tile, item_bounds in tiles:
        approximate = products(codes, tile)
        if not begin:
            start(approximate, item_bounds, bounds, wanted.n, buffer, masks, *starting)
        columns = rounded.order[begin : begin + tile.width]
        gather(approximate, columns, item_bounds, bounds, wanted.n, buffer, masks, mine, items)
        begin += tile.width
        del approximate  # so that the next tile lies where this one did, in the processor's cache
    finish(wanted.n, buffer, mine, items, best.items[rows], best.scores[rows])

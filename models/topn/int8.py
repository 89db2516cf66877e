"""The exact top-N by 8-bit products: threads take blocks of users, each over tiles of items."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from models.dataset import FloatArray, IntArray
from models.topn.int8_matmul import PackedTile, multiply_codes
from models.topn.numba_kernels import gather_candidates, init_thresholds, rank_candidates
from models.topn.quantize import QuantizedItems, quantize_items, quantize_users
from models.topn.topn_request import TopN, TopNRequest

TILE_BYTES = 2 << 20
"""Memory of one tile of approximate scores in each thread; it should fit the processor's cache."""
TILE_ITEMS = 4096
"""Items of a tile: with `TILE_BYTES` that makes 256 users a block, enough rows for the product to be fast."""


def fill_by_int8(
    users: FloatArray,
    items: FloatArray,
    candidates: IntArray,
    request: TopNRequest,
    best: TopN,
    tile_bytes: int,
) -> None:
    """Fill `best` by 8-bit products of blocks of users with the candidate items.

    Each block writes its own rows of `best`, so threads share nothing that changes and their number changes
    no result.

    Args:
        users: `(users, d) float32`, contiguous.
        items: `(items, d) float32`, contiguous.
        candidates: `(candidates,)` indices of the items that some user may get, ascending.
        request: List length and masks.
        best: Written.
        tile_bytes: Memory of one tile of approximate scores.
    """
    rounded = quantize_items(items[candidates], users)
    rounded = rounded._replace(order=candidates[rounded.order].astype(np.int32))
    width = min(TILE_ITEMS, len(candidates))
    tiles = [_make_tile(rounded, begin, begin + width) for begin in range(0, len(candidates), width)]
    place = np.full(len(items), len(items), np.int32)  # beyond every tile for items that are no candidates
    place[rounded.order] = np.arange(len(candidates), dtype=np.int32)
    first = np.where(request.allowed[:, rounded.order[:width]], 0, -np.inf).astype(np.float32)
    block = max(1, tile_bytes // (2 * width))  # bfloat16 scores have 2 bytes
    blocks = range(0, len(users), block)

    def fill(begin: int) -> None:
        rows = slice(begin, min(begin + block, len(users)))
        _fill_block(users, items, rounded, tiles, (first, place), request, best, rows)

    with _open_threads(len(blocks)) as pool:
        list(pool.map(fill, blocks))


def _make_tile(rounded: QuantizedItems, begin: int, end: int) -> tuple[PackedTile, FloatArray]:
    """Pack some items for multiplying, and return the errors and lengths of their bounds."""
    step, *bounds = rounded.bounds[:, begin:end]
    tile = PackedTile(rounded.codes[begin:end], step)
    return tile, np.stack(bounds)  # a copy: compiled loops are only fast on contiguous rows


@contextmanager
def _open_threads(max_threads: int) -> Iterator[ThreadPoolExecutor]:
    """Open as many threads as torch may use; each multiplies with one thread of its own.

    Products of one block are too small to be worth splitting, and the kernels between them run on one thread
    anyway.
    """
    import torch

    count = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(
            min(count, max_threads), initializer=torch.set_num_threads, initargs=(1,)
        ) as pool:
            yield pool
    finally:
        torch.set_num_threads(count)  # new threads inherit what was set last in any thread


def _fill_block(
    users: FloatArray,
    items: FloatArray,
    rounded: QuantizedItems,
    tiles: list[tuple[PackedTile, FloatArray]],
    starting: tuple[FloatArray, NDArray[np.int32]],
    request: TopNRequest,
    best: TopN,
    rows: slice,
) -> None:
    """Fill the lists of one block of users, one tile of items at a time."""
    mine = users[rows]
    codes, bounds = quantize_users(mine, rounded)
    # Room for several times n candidates: a full buffer is compacted, which costs a partial sort.
    size = max(4 * request.n, request.n + 64)
    buffer = (  # ids, upper bounds, lower bounds, count and threshold: see `numba_kernels`
        np.empty((len(mine), size), np.int32),
        np.empty((len(mine), size), np.float32),
        np.empty((len(mine), size), np.float32),
        np.zeros(len(mine), np.int64),
        np.full(len(mine), -np.inf, np.float32),
    )
    excluded = request.excluded[rows]
    masks = (request.allowed, request.kind[rows], excluded.indptr, excluded.indices)
    begin = 0
    for tile, item_bounds in tiles:
        approximate = multiply_codes(codes, tile)
        if not begin:
            init_thresholds(approximate, item_bounds, bounds, request.n, buffer, masks, *starting)
        columns = rounded.order[begin : begin + tile.width]
        gather_candidates(approximate, columns, item_bounds, bounds, request.n, buffer, masks, mine, items)
        begin += tile.width
        del approximate  # so that the next tile gets the same memory, which is in the processor's cache
    rank_candidates(request.n, buffer, mine, items, best.items[rows], best.scores[rows])

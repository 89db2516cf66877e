"""The exact top-N by a library's matrix products, a tile of scores at a time: threads take blocks of users.

Two libraries compute tiles: oneDNN multiplies 8-bit vectors (`onednn`), which is fast where the processor has
AMX or VNNI, and torch multiplies in float32, which every processor does.
"""

from __future__ import annotations

import os
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.dataset import FloatArray, IntArray
from models.topn.blocks import begin_lists, run_blocks, select_masks
from models.topn.numba_kernels import (
    fill_lists_of_zeros,
    find_unfinished,
    init_limits,
    offer_reaching_items,
    sort_lists,
)
from models.topn.onednn import OneDnnTiles
from models.topn.topn_request import TopN, TopNRequest

TILE_BYTES = 1 << 20
"""Memory of one tile of scores in each thread; it should fit the processor's second cache."""
TILE_ITEMS = 2048
"""Items of a tile: with `TILE_BYTES` that makes 128 users a block, enough rows for the product to be fast."""
MIN_UNFINISHED = 0.75
"""Share of a block's users below which finished users are left out of the next products."""

FPMATH_SWITCHES = ("ONEDNN_DEFAULT_FPMATH_MODE", "DNNL_DEFAULT_FPMATH_MODE")
"""Variables that let oneDNN multiply float32 in fewer bits; common on arm64."""


class Tiles(Protocol):
    """The candidate items, sorted by length with the longest first, in tiles of a width.

    Args:
        order: `(candidates,) int32` places among the candidates.
        bounds: `(2, candidates) float32` error and length of each.
    """

    order: NDArray[np.int32]
    bounds: FloatArray

    def begin_block(self, users: FloatArray) -> tuple[Any, FloatArray, NDArray[np.float64]]:
        """Return the left side of the products of some users, their bounds, and their conversion.

        As `quantize.QuantizedUsers`.
        """
        ...

    def multiply(self, left: Any, tile: int) -> FloatArray:
        """Return `(users, width) float32` approximate scores, in units of the user."""
        ...


class Float32Tiles:
    """Products in float32.

    Vectors are multiplied by powers of two, which is exact, to lengths of at most one, so that nothing
    overflows.
    """

    def __init__(self, items: FloatArray, width: int) -> None:
        import torch

        lengths = np.linalg.norm(items.astype(np.float64), axis=1)
        order = np.argsort(-lengths, kind="stable")
        lengths = lengths[order]
        scale = self.scale = _find_scale(lengths[:1])
        dim = items.shape[1]
        self.order = order.astype(np.int32)
        # Scaling and products may underflow where one side is tiny, by less than `more` in all.
        self.more = dim * 2.0**-124
        self.relative = bound_product_error(dim)
        self.bounds = np.stack([np.zeros_like(lengths), lengths * scale * (1 + 1e-6)]).astype(np.float32)
        sorted_items = np.multiply(items[order], scale, dtype=np.float64).astype(np.float32)
        self.tiles = [
            torch.from_numpy(sorted_items[begin : begin + width]).T for begin in range(0, len(order), width)
        ]

    def begin_block(self, users: FloatArray) -> tuple[FloatArray, FloatArray, NDArray[np.float64]]:
        """Return the users, scaled, their bounds and their conversion."""
        lengths = np.linalg.norm(users.astype(np.float64), axis=1)
        scale = _find_scale(lengths)
        lengths *= scale * (1 + 1e-6)
        nothing = np.zeros_like(lengths)
        bounds = np.stack([nothing, lengths * self.relative, nothing + self.more, lengths])
        conversion = np.stack([nothing, scale * self.scale])
        return (users * scale[:, None]).astype(np.float32), bounds.astype(np.float32), conversion

    def multiply(self, left: FloatArray, tile: int) -> FloatArray:
        """Return the scores of one tile."""
        import torch

        scores: FloatArray = torch.mm(torch.from_numpy(left), self.tiles[tile]).numpy()
        return scores


def bound_product_error(dim: int) -> float:
    """Return a bound on the error of torch's inner products, as a share of the product of the lengths.

    An inner product of length d, summed in any order, is off by at most `d * eps / (1 - d * eps)` of it, `eps
    = 2^-24` (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., eq. 3.5). Where somebody has
    allowed torch or oneDNN to round factors to bfloat16 or TF32 first, each of the two is off by 2^-8 at
    most.
    """
    import torch

    modes = [os.environ.get(name, "STRICT") for name in FPMATH_SWITCHES]
    is_strict = torch.get_float32_matmul_precision() == "highest" and set(modes) <= {"STRICT", ""}
    sums = dim * 2.0**-24 / (1 - dim * 2.0**-24) + 2.0**-22
    return sums if is_strict else sums + 2.0**-7 + 2.0**-16


def _find_scale(lengths: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return powers of two that make lengths at most one; 1 for a length of zero."""
    _, exponents = np.frexp(lengths)
    return np.where(lengths > 0, np.ldexp(1.0, -exponents), 1.0)


def fill_by_float32(
    users: FloatArray,
    items: FloatArray,
    candidates: IntArray,
    request: TopNRequest,
    best: TopN,
) -> None:
    """Fill `best` by float32 products; the arguments are those of `dot_scan.fill_by_dot_kernel`."""
    width = min(TILE_ITEMS, len(candidates))
    tiles = Float32Tiles(items[candidates], width)
    _fill_by_tiles(tiles, width, users, items, candidates, request, best)


def fill_by_onednn(
    users: FloatArray,
    items: FloatArray,
    candidates: IntArray,
    request: TopNRequest,
    best: TopN,
) -> None:
    """Fill `best` by oneDNN's 8-bit products; the arguments are those of `dot_scan.fill_by_dot_kernel`."""
    width = min(TILE_ITEMS, len(candidates))
    tiles = OneDnnTiles(items[candidates], users, width)
    _fill_by_tiles(tiles, width, users, items, candidates, request, best)


def _fill_by_tiles(
    tiles: Tiles,
    width: int,
    users: FloatArray,
    items: FloatArray,
    candidates: IntArray,
    request: TopNRequest,
    best: TopN,
) -> None:
    """Fill `best` by products of blocks of users with tiles of the candidate items.

    Args:
        tiles: The candidates.
        width: Items of a tile.
        users: `(users, d) float32`, contiguous.
        items: `(items, d) float32`, contiguous.
        candidates: `(candidates,)` indices of the items that some user may get, ascending.
        request: List length and masks.
        best: Written.
    """
    columns = candidates[tiles.order].astype(np.int32)
    largest_error = np.maximum.accumulate(tiles.bounds[0, ::-1])[::-1]

    def fill(rows: slice) -> None:
        mine = users[rows]
        left, bounds, conversion = tiles.begin_block(mine)
        lists, masks = begin_lists(best, rows, conversion), select_masks(request, rows)
        fill_lists_of_zeros(lists, masks, mine, items)
        unfinished = present = np.arange(len(mine))
        for tile, begin in enumerate(range(0, len(columns), width)):
            part = slice(begin, begin + width)
            longest = np.array([largest_error[begin], tiles.bounds[1, begin]], np.float32)
            unfinished = find_unfinished(unfinished, longest, bounds, lists.limits)
            if not len(unfinished):
                break
            if len(unfinished) < MIN_UNFINISHED * len(present):
                left, present = left[np.searchsorted(present, unfinished)], unfinished
            values = tiles.multiply(left, tile)
            item_bounds = np.ascontiguousarray(tiles.bounds[:, part])
            if not begin:
                init_limits(present, values, columns[part], item_bounds, bounds, lists, masks)
            offer_reaching_items(
                present, values, columns[part], item_bounds, bounds, lists, masks, mine, items
            )
            del values  # so that the next tile gets the same memory, which is in the processor's cache
        sort_lists(lists.items, lists.scores)

    run_blocks(len(users), max(1, TILE_BYTES // (4 * width)), fill)

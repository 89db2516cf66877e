"""The exact top-N by 8-bit products whose sums are tested in registers (`dot_kernel`): no score is written.

Threads take blocks of users. A block's users advance through the items together, the longest items first, and
a user leaves when no item that is left is long enough for the list: where lengths differ much, as those of
popular and unpopular items do, most products are never computed.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.dataset import FloatArray, IntArray
from models.topn.blocks import begin_lists, run_blocks, select_masks
from models.topn.dot_kernel import DotInstruction, find_dot_instruction
from models.topn.numba_kernels import fill_lists_of_zeros, scan_items, sort_lists
from models.topn.quantize import QuantizedItems, Rounding, quantize_items, quantize_users
from models.topn.topn_request import TopN, TopNRequest

BLOCK_USERS = 192
"""Users of a block. Their codes and the codes of one tile of items fit a core's first cache at d = 128."""
MAX_ITEM_CODE = 127
MAX_USER_RUN, MAX_ITEM_RUN = 128.0, 255.0
"""Largest lengths of codes that are added in one 16-bit sum; their product is below 2^15."""
MAX_DIM = 1 << 16
"""Longest vectors: 32-bit sums of products of 8-bit codes could overflow at twice as many coordinates."""


class PackedItems(NamedTuple):
    """The items, packed in tiles for the instruction.

    Args:
        packed: `(tiles, runs * (steps + 1) * width) int32`: for each run what its sums begin with, then
            `steps` times four coordinates of each item.
        facts: `(tiles, 3, width) float32`: step, error and length of each item.
        columns: `(tiles, width) int32` index of each item; -1 where the last tile has none.
        longest: `(tiles, 2) float32`: largest error and length of this and all later tiles.
        runs: Runs of coordinates.
        steps: Groups of four coordinates of a run.
    """

    packed: NDArray[np.int32]
    facts: FloatArray
    columns: NDArray[np.int32]
    longest: FloatArray
    runs: int
    steps: int


def fill_by_dot_kernel(
    users: FloatArray, items: FloatArray, candidates: IntArray, request: TopNRequest, best: TopN
) -> None:
    """Fill `best` by blocks of users; the target must have a dot instruction.

    Args:
        users: `(users, d) float32`, contiguous.
        items: `(items, d) float32`, contiguous.
        candidates: `(candidates,)` indices of the items that some user may get, ascending.
        request: List length and masks.
        best: Written.
    """
    how = find_dot_instruction()
    if how is None:
        raise RuntimeError("this processor has none of the instructions of models.topn.dot_kernel")
    runs, steps = divide_into_runs(users.shape[1], how)
    item_rounding, user_rounding = make_roundings(runs, steps, how)
    rounded = quantize_items(items[candidates], users, item_rounding)
    tiles = pack_items(rounded, candidates, runs, steps, how)

    def fill(rows: slice) -> None:
        mine = users[rows]
        signed, user_bounds, conversion = quantize_users(mine, rounded, user_rounding)
        # Rows that fill up the last tile of users are zero vectors with a threshold that nothing reaches.
        codes = np.zeros((-(-len(mine) // how.rows) * how.rows, signed.shape[1]), np.uint8)
        codes[: len(mine)] = signed.view(np.uint8) + np.uint8(how.zero)  # wraps, as two's complement should
        lists, masks = begin_lists(best, rows, conversion), select_masks(request, rows)
        fill_lists_of_zeros(lists, masks, mine, items)
        scan_items(codes, tuple(tiles), how.rows, user_bounds, lists, masks, mine, items)
        sort_lists(lists.items, lists.scores)

    run_blocks(len(users), BLOCK_USERS, fill)


def divide_into_runs(dim: int, how: DotInstruction) -> tuple[int, int]:
    """Return runs, and groups of four coordinates in each."""
    words = -(-dim // 4)
    runs = -(-4 * words // how.max_run) if how.widening else 1
    return runs, -(-words // runs)


def make_roundings(runs: int, steps: int, how: DotInstruction) -> tuple[Rounding, Rounding]:
    """Return what codes of items and of users may be."""
    width = 4 * runs * steps
    if not how.widening:
        return Rounding(MAX_ITEM_CODE, width), Rounding(how.max_user_code, width)
    return (
        Rounding(MAX_ITEM_CODE, width, runs, MAX_ITEM_RUN),
        Rounding(how.max_user_code, width, runs, MAX_USER_RUN),
    )


def pack_items(
    rounded: QuantizedItems, candidates: IntArray, runs: int, steps: int, how: DotInstruction
) -> PackedItems:
    """Pack rounded items, which are sorted by length, into tiles."""
    count, width = len(rounded.order), how.width
    tiles = -(-count // width)
    columns = np.full(tiles * width, -1, np.int32)
    columns[:count] = candidates[rounded.order]
    facts = np.zeros((3, tiles * width), np.float32)
    facts[:, :count] = rounded.bounds
    largest_error = np.maximum.accumulate(facts[1, ::-1])[::-1]
    longest = np.stack([largest_error[::width], facts[2, ::width]], axis=1)
    facts[2, count:] = -np.inf  # an item without an index reaches no threshold
    codes = np.zeros((tiles * width, 4 * runs * steps), np.int8)
    codes[:count] = rounded.codes
    packed = np.empty((tiles, runs, steps + 1, width), np.int32)
    # Sums begin with what cancels the products of the items' codes with `zero`, wrapping as the sums do.
    if how.widening:
        pairs = np.add(codes[:, ::2], codes[:, 1::2], dtype=np.int16).reshape(tiles, width, runs, steps, 2)
        halves = pairs.sum(axis=3, dtype=np.int16) * np.int16(-how.zero)
        begin = np.ascontiguousarray(halves).view(np.int32)[..., 0]
    else:
        begin = codes.sum(axis=1, dtype=np.int32).reshape(tiles, width, 1) * np.int32(-how.zero)
    packed[:, :, 0] = begin.transpose(0, 2, 1)
    packed[:, :, 1:] = codes.view(np.int32).reshape(tiles, width, runs, steps).transpose(0, 2, 3, 1)
    return PackedItems(
        packed.reshape(tiles, -1),
        np.ascontiguousarray(facts.reshape(3, tiles, width).transpose(1, 0, 2)),
        columns.reshape(tiles, width),
        longest,
        runs,
        steps,
    )

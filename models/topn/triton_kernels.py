"""GPU kernels of the exact top-N: products and selection in one, so that no score is ever written.

Both kernels compute the same tile of approximate scores in registers. `find_group_maxima` keeps the largest
lower bound of each group of items, whose n-th largest is a threshold that at least n items reach;
`collect_candidates` keeps the items whose upper bound reaches it. `TRITON_INTERPRET=1` runs them on a
processor, which the tests do.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Triton reads annotations as types of its own, so its functions have none.

from __future__ import annotations

import torch
import triton
import triton.language as tl

ROWS, COLUMNS, DEPTH = 64, 128, 32
"""Users and items of a tile, and coordinates that are multiplied at a time.

A tile of 64 x 128 float32 scores takes 64 registers of each of 128 threads, with room for operands."""
GROUP = 16
"""Items of which `find_group_maxima` keeps one bound: that makes the bounds a sixteenth of the scores."""


@triton.jit
def _score_tile(
    users,
    items,
    user_count,
    item_count,
    words,
    rows,
    columns,
    dim,
    width,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
):
    """Compute the scores of a tile, and whether each belongs to a user and an item that the user may get.

    Returns:
        `(ROWS, COLUMNS)` scores in TF32 with float32 sums, and a mask of the same shape.
    """
    here, there = rows < user_count, columns < item_count
    scores = tl.zeros((ROWS, COLUMNS), tl.float32)
    for start in range(0, dim, DEPTH):
        # Offsets in 64 bits: users times width passes 2^31 at a few million users.
        k = start + tl.arange(0, DEPTH)
        left = tl.load(
            users + rows[:, None].to(tl.int64) * dim + k[None, :],
            mask=here[:, None] & (k[None, :] < dim),
            other=0.0,
        )
        right = tl.load(
            items + columns[None, :].to(tl.int64) * dim + k[:, None],
            mask=there[None, :] & (k[:, None] < dim),
            other=0.0,
        )
        scores = tl.dot(left, right, scores, input_precision="tf32")
    # One bit an item; 32 neighbouring columns read the same word, which the cache serves.
    both = here[:, None] & there[None, :]
    word = tl.load(words + rows[:, None].to(tl.int64) * width + columns[None, :] // 32, mask=both, other=0)
    return scores, both & (((word >> (columns[None, :] % 32)) & 1) != 0)


@triton.jit
def _find_group_maxima(
    users,
    items,
    user_errors,
    item_lengths,
    words,
    out,
    user_count,
    item_count,
    dim,
    width,
    groups,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
    GROUP: tl.constexpr,
):
    """Write the largest lower bound of each group of each user's items.

    Minus infinity where all items of a group are excluded.
    """
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    scores, may = _score_tile(
        users, items, user_count, item_count, words, rows, columns, dim, width, ROWS, COLUMNS, DEPTH
    )
    error = tl.load(user_errors + rows, mask=rows < user_count, other=0.0)
    length = tl.load(item_lengths + columns, mask=columns < item_count, other=0.0)
    lower = tl.where(may, scores - error[:, None] * length[None, :], float("-inf"))
    most = tl.max(tl.reshape(lower, (ROWS, COLUMNS // GROUP, GROUP)), axis=2)
    group = tl.program_id(1) * (COLUMNS // GROUP) + tl.arange(0, COLUMNS // GROUP)
    tl.store(
        out + rows[:, None].to(tl.int64) * groups + group[None, :],
        most,
        mask=(rows[:, None] < user_count) & (group[None, :] < groups),
    )


@triton.jit
def _collect_candidates(
    users,
    items,
    user_errors,
    item_lengths,
    words,
    thresholds,
    counts,
    found,
    user_count,
    item_count,
    dim,
    width,
    capacity,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    DEPTH: tl.constexpr,
):
    """Append the items whose upper bound reaches the user's threshold, in any order.

    Items for which there is no room are counted, too.
    """
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    scores, may = _score_tile(
        users, items, user_count, item_count, words, rows, columns, dim, width, ROWS, COLUMNS, DEPTH
    )
    here = rows < user_count
    error = tl.load(user_errors + rows, mask=here, other=0.0)
    length = tl.load(item_lengths + columns, mask=columns < item_count, other=0.0)
    threshold = tl.load(thresholds + rows, mask=here, other=float("inf"))
    hit = (may & (scores + error[:, None] * length[None, :] >= threshold[:, None])).to(tl.int32)
    hits = tl.sum(hit, axis=1)
    # One atomic addition a user and tile reserves places for all hits; the running sum numbers them.
    first = tl.atomic_add(counts + rows, hits, mask=here & (hits > 0))
    place = first[:, None] + tl.cumsum(hit, axis=1) - 1
    tl.store(
        found + rows[:, None].to(tl.int64) * capacity + place,
        columns[None, :] + tl.zeros_like(hit),
        mask=(hit > 0) & (place < capacity),
    )


def find_group_maxima(
    users: torch.Tensor,
    items: torch.Tensor,
    errors: torch.Tensor,
    lengths: torch.Tensor,
    words: torch.Tensor,
) -> torch.Tensor:
    """Find the largest lower bound of each user's scores in each group of `GROUP` items.

    Args:
        users: `(users, d) float32`, contiguous.
        items: `(items, d) float32`, contiguous.
        errors: `(users,)` by which an item's length is multiplied to bound the error of its score.
        lengths: `(items,)` lengths of the items, or a little more.
        words: `(users, items / 32) int32`, bit j of word w set if the user may get item 32 w + j.

    Returns:
        `(users, groups) float32`.
    """
    groups = triton.cdiv(len(items), GROUP)
    out = torch.empty((len(users), groups), dtype=torch.float32, device=users.device)
    grid = (triton.cdiv(len(users), ROWS), triton.cdiv(len(items), COLUMNS))
    sizes = (len(users), len(items), users.shape[1], words.shape[1], groups)
    _find_group_maxima[grid](users, items, errors, lengths, words, out, *sizes, ROWS, COLUMNS, DEPTH, GROUP)
    return out


def collect_candidates(
    users: torch.Tensor,
    items: torch.Tensor,
    errors: torch.Tensor,
    lengths: torch.Tensor,
    words: torch.Tensor,
    thresholds: torch.Tensor,
    capacity: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Collect the items whose upper bound reaches the user's threshold.

    Args:
        users: `(users, d) float32`, contiguous.
        items: `(items, d) float32`, contiguous.
        errors: `(users,)` as for `find_group_maxima`.
        lengths: `(items,)` as for `find_group_maxima`.
        words: `(users, items / 32) int32` as for `find_group_maxima`.
        thresholds: `(users,) float32`.
        capacity: Items that are kept for a user at most.

    Returns:
        `(users,) int32` how many items reach each user's threshold, and `(users, capacity) int32` which, in
        any order. Where there are more than `capacity`, the count says so and some are missing.
    """
    counts = torch.zeros(len(users), dtype=torch.int32, device=users.device)
    found = torch.empty((len(users), capacity), dtype=torch.int32, device=users.device)
    grid = (triton.cdiv(len(users), ROWS), triton.cdiv(len(items), COLUMNS))
    sizes = (len(users), len(items), users.shape[1], words.shape[1], capacity)
    _collect_candidates[grid](
        users, items, errors, lengths, words, thresholds, counts, found, *sizes, ROWS, COLUMNS, DEPTH
    )
    return counts, found

"""The GPU's inner loops of the exact top-N: products and selection in one, so that no score is ever written.

Both kernels make the same tile of approximate scores in registers. `maxima` keeps the largest lower bound of each
group of items, whose n-th largest is a threshold that at least n items reach; `collect` keeps the items whose upper
bound reaches it. `TRITON_INTERPRET=1` runs them on a processor, which the tests do.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"
# Triton reads annotations as types of its own, so its functions have none.

from __future__ import annotations

import torch
import triton
import triton.language as tl

ROWS, COLUMNS, DEPTH = 64, 128, 32
GROUP = 16
"""Items of which `maxima` keeps one bound."""


@triton.jit
def _tile(
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
    """`(ROWS, COLUMNS)`: scores in TF32, and whether each is of a user and an item that the user may have."""
    here, there = rows < user_count, columns < item_count
    scores = tl.zeros((ROWS, COLUMNS), tl.float32)
    for start in range(0, dim, DEPTH):
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
    both = here[:, None] & there[None, :]
    word = tl.load(words + rows[:, None].to(tl.int64) * width + columns[None, :] // 32, mask=both, other=0)
    return scores, both & (((word >> (columns[None, :] % 32)) & 1) != 0)


@triton.jit
def _maxima(
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
    """Write the largest lower bound of each group of each user's items; minus infinity where none may be had."""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    scores, may = _tile(
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
def _collect(
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
    """Append the items whose upper bound reaches the user's threshold, in any order; count those without room, too."""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    columns = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)
    scores, may = _tile(
        users, items, user_count, item_count, words, rows, columns, dim, width, ROWS, COLUMNS, DEPTH
    )
    here = rows < user_count
    error = tl.load(user_errors + rows, mask=here, other=0.0)
    length = tl.load(item_lengths + columns, mask=columns < item_count, other=0.0)
    threshold = tl.load(thresholds + rows, mask=here, other=float("inf"))
    hit = (may & (scores + error[:, None] * length[None, :] >= threshold[:, None])).to(tl.int32)
    hits = tl.sum(hit, axis=1)
    first = tl.atomic_add(counts + rows, hits, mask=here & (hits > 0))
    place = first[:, None] + tl.cumsum(hit, axis=1) - 1
    tl.store(
        found + rows[:, None].to(tl.int64) * capacity + place,
        columns[None, :] + tl.zeros_like(hit),
        mask=(hit > 0) & (place < capacity),
    )


def maxima(
    users: torch.Tensor,
    items: torch.Tensor,
    errors: torch.Tensor,
    lengths: torch.Tensor,
    words: torch.Tensor,
) -> torch.Tensor:
    """`(users, groups) float32`: the largest lower bound in each group of 16 items.

    Args:
        users, items: `(users, d)` and `(items, d)` float32, contiguous.
        errors: `(users,)` by which an item's length is multiplied to bound the error of its score.
        lengths: `(items,)`.
        words: `(users, items / 32) int32`, bit j of word w set if the user may have item 32 w + j.
    """
    groups = triton.cdiv(len(items), GROUP)
    out = torch.empty((len(users), groups), dtype=torch.float32, device=users.device)
    grid = (triton.cdiv(len(users), ROWS), triton.cdiv(len(items), COLUMNS))
    sizes = (len(users), len(items), users.shape[1], words.shape[1], groups)
    _maxima[grid](users, items, errors, lengths, words, out, *sizes, ROWS, COLUMNS, DEPTH, GROUP)
    return out


def collect(
    users: torch.Tensor,
    items: torch.Tensor,
    errors: torch.Tensor,
    lengths: torch.Tensor,
    words: torch.Tensor,
    thresholds: torch.Tensor,
    capacity: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """`(users,) int32` and `(users, capacity) int32`: how many items reach each user's threshold, and which.

    Where more do than there is room for, the count says so and some are missing.
    """
    counts = torch.zeros(len(users), dtype=torch.int32, device=users.device)
    found = torch.empty((len(users), capacity), dtype=torch.int32, device=users.device)
    grid = (triton.cdiv(len(users), ROWS), triton.cdiv(len(items), COLUMNS))
    sizes = (len(users), len(items), users.shape[1], words.shape[1], capacity)
    _collect[grid](
        users, items, errors, lengths, words, thresholds, counts, found, *sizes, ROWS, COLUMNS, DEPTH
    )
    return counts, found

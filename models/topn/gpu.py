"""The exact top-N on an NVIDIA GPU: products fused with selection, so that the score matrix is never written.

TF32 keeps 10 bits of a float32's fraction, so a factor is off by at most 2^-10 of itself, a product by 2^-9 + 2^-20,
and, by Cauchy and Schwarz, an inner product by that share of the vectors' lengths; float32 sums of d terms add at most
`d * 2^-23` of them even where a tensor core rounds towards zero. `RELATIVE` is more than that. The n-th largest lower
bound of groups of items is reached by n items at least, so an item whose upper bound is below it is not among the best.
Who has more candidates than there is room for is scored by `floats`, with the same result.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.data import BoolArray, FloatArray, IntArray
from models.topn.float32 import DEVICE_TILE_BYTES, by_floats
from models.topn.request import TopN, Wanted

if TYPE_CHECKING:
    import torch

BLOCK_USERS = 8192
LEAST_GROUPS = 4
"""For each place of a list; with fewer groups of items their bounds say little."""
GROUP = 16
LARGEST = 1e36
"""Of the product of two lengths: far enough from where float32 ends."""
SMALLEST = 1e-35
"""More than what float32 loses where it underflows."""


def relative(dim: int) -> float:
    """Bound on the error of an inner product in TF32, as a share of the product of the lengths."""
    return (2.0**-9 + 2.0**-20 + dim * 2.0**-23) * 1.01


def suits(users: FloatArray, items: FloatArray, n: int, device: str) -> bool:
    """Whether the fused way can be gone: Triton, a GPU that has TF32, items enough, no overflow."""
    import torch

    if find_spec("triton") is None or not device.startswith("cuda") or torch.version.hip:
        return False
    if torch.cuda.get_device_capability(device) < (8, 0) or len(items) < LEAST_GROUPS * GROUP * n:
        return False
    return float(_lengths(users).max()) * float(_lengths(items).max()) < LARGEST


def by_fused_blocks(
    users: FloatArray, items: FloatArray, there: IntArray, wanted: Wanted, best: TopN, device: str
) -> None:
    """Fill `best` from the items that are there, a block of users at a time."""
    import torch

    from models.topn import triton_kernels

    n, capacity = wanted.n, 8 * wanted.n + 128
    right = torch.from_numpy(np.ascontiguousarray(items[there])).to(device)
    lengths = torch.from_numpy(_lengths(items[there])).to(device)
    allowed = torch.from_numpy(_packed(wanted.allowed[:, there])).to(device)
    barred = wanted.barred[:, there].tocsr()
    barred.sum_duplicates()
    for start in range(0, len(users), BLOCK_USERS):
        rows = slice(start, min(start + BLOCK_USERS, len(users)))
        left = torch.from_numpy(users[rows]).to(device)
        errors = torch.from_numpy(_lengths(users[rows]) * np.float32(relative(users.shape[1]))).to(device)
        words = _may_have(allowed, wanted.kind[rows], barred[rows].tocoo())
        bounds = triton_kernels.maxima(left, right, errors, lengths, words)
        thresholds = torch.topk(bounds, n, dim=1).values[:, -1] - SMALLEST
        counts, found = triton_kernels.collect(left, right, errors, lengths, words, thresholds, capacity)
        places, scores = _best(left, right, counts, found, n)
        best.items[rows] = np.where(places >= 0, there[places], -1)
        best.scores[rows] = scores
        _without_room(
            users, items, there, wanted, best, start + np.flatnonzero(counts.cpu().numpy() > capacity), device
        )


def _lengths(vectors: FloatArray) -> FloatArray:
    """`(n,) float32`, not below the vectors' lengths."""
    exact = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
    return (exact * (1 + 1e-6)).astype(np.float32)


def _packed(allowed: BoolArray) -> IntArray:
    """`(kinds, words) int32`, 32 items a word, the first in its lowest bit."""
    count = -(-allowed.shape[1] // 32)
    padded = np.zeros((len(allowed), 32 * count), bool)
    padded[:, : allowed.shape[1]] = allowed
    return np.packbits(padded, axis=1, bitorder="little").view("<i4").astype(np.int32)


def _may_have(allowed: torch.Tensor, kind: NDArray[np.int32], barred: sparse.coo_matrix) -> torch.Tensor:
    """`(users, words) int32`: what the users' kinds are allowed, without what is barred for each user."""
    import torch

    device = allowed.device
    words = allowed[torch.from_numpy(kind.astype(np.int64)).to(device)]
    row, column = (torch.from_numpy(part.astype(np.int64)).to(device) for part in (barred.row, barred.col))
    bits = torch.ones_like(column, dtype=torch.int32) << (column % 32).int()
    taken = torch.zeros_like(words)
    taken.view(-1).index_add_(0, row * words.shape[1] + column // 32, bits)  # no pair twice: a sum is a union
    return (words & ~taken).contiguous()


def _best(
    left: torch.Tensor, right: torch.Tensor, counts: torch.Tensor, found: torch.Tensor, n: int
) -> tuple[IntArray, FloatArray]:
    """`(users, n)` places among the items and exact scores, -1 and minus infinity where there are no more."""
    import torch

    nobody = len(right)
    room = torch.arange(found.shape[1], device=found.device)
    ids = torch.sort(torch.where(room < counts[:, None], found, nobody), dim=1).values.long()
    scores = torch.full(ids.shape, -torch.inf, device=ids.device)
    width = 1 << (left.shape[1] - 1).bit_length()
    step = max(1, DEVICE_TILE_BYTES // (16 * width * ids.shape[1]))
    for start in range(0, len(left), step):
        mine = ids[start : start + step]
        vectors = right[mine.clamp(max=nobody - 1)].double()
        products = vectors * left[start : start + step, None, :].double()
        products = torch.nn.functional.pad(products, (0, width - left.shape[1]))
        while products.shape[2] > 1:  # the order of `exact_score`
            half = products.shape[2] // 2
            products = products[:, :, :half] + products[:, :, half:]
        scores[start : start + step] = torch.where(mine < nobody, products[:, :, 0].float(), -torch.inf)
    # Adding zero makes -0 equal 0; equal scores stay in the items' order.
    order = torch.sort(scores + 0.0, dim=1, descending=True, stable=True).indices[:, :n]
    chosen, made = ids.gather(1, order), scores.gather(1, order)
    return torch.where(chosen < nobody, chosen, -1).cpu().numpy(), made.cpu().numpy()


def _without_room(
    users: FloatArray,
    items: FloatArray,
    there: IntArray,
    wanted: Wanted,
    best: TopN,
    who: IntArray,
    device: str,
) -> None:
    """The lists of users who have more candidates than there was room for."""
    if not len(who):
        return
    shape = (len(who), wanted.n)
    again = TopN(np.full(shape, -1, np.int32), np.full(shape, -np.inf, np.float32))
    theirs = Wanted(wanted.n, wanted.allowed, wanted.kind[who], wanted.barred[who])
    by_floats(users[who], items, there, theirs, again, DEVICE_TILE_BYTES, device)
    best.items[who], best.scores[who] = again

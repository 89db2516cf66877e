"""The exact top-N on an NVIDIA GPU: products fused with selection, so that the score matrix is never written.

TF32 keeps 10 bits of a float32's fraction, so a factor is off by at most 2^-10 of itself, a product by 2^-9 +
2^-20, and, by Cauchy and Schwarz, an inner product by that share of the vectors' lengths; float32 sums of d
terms add at most `d * 2^-23` of them even where a tensor core rounds towards zero. `bound_tf32_error` is more
than that.

Two passes over the scores, which are computed twice because they are never written: the first keeps the
largest lower bound of each group of items, whose n-th largest is reached by at least n items; the second
collects the items whose upper bound reaches it, as all others have n better ones. The collected items are
scored exactly, in float64. Users with more candidates than their buffer holds are scored by
`fill_on_device`, with the same result.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from models.dataset import BoolArray, FloatArray, IntArray
from models.topn.device import DEVICE_TILE_BYTES, fill_on_device
from models.topn.topn_request import TopN, TopNRequest, make_empty_lists

if TYPE_CHECKING:
    import torch

BLOCK_USERS = 8192
"""Users of one kernel launch: enough to keep a GPU busy. Bounds take `BLOCK_USERS * items / 4` bytes."""
MIN_GROUPS_PER_PLACE = 4
"""Groups of items for each place of a list; with fewer, many of the best share one: thresholds are low."""
GROUP = 16
"""Items in a group, as in `triton_kernels`, which cannot be imported where there is no Triton."""
MAX_LENGTH_PRODUCT = 1e36
"""Largest product of two vectors' lengths: two orders of magnitude below where float32 ends."""
UNDERFLOW_SLACK = 1e-35
"""More than what float32 sums lose where products underflow."""


def bound_tf32_error(dim: int) -> float:
    """Return a bound on the error of an inner product in TF32, as a share of the lengths' product."""
    return (2.0**-9 + 2.0**-20 + dim * 2.0**-23) * 1.01


def can_run_fused(users: FloatArray, items: FloatArray, n: int, device: str) -> bool:
    """Return whether the fused kernels can serve a request.

    They need Triton, an NVIDIA GPU that has TF32, enough items for thresholds to be useful, and scores that
    cannot overflow.
    """
    import torch

    if find_spec("triton") is None or not device.startswith("cuda") or torch.version.hip:
        return False
    # Compute capability 8.0 (Ampere) is the first with TF32.
    if torch.cuda.get_device_capability(device) < (8, 0) or len(items) < MIN_GROUPS_PER_PLACE * GROUP * n:
        return False
    return float(_bound_lengths(users).max()) * float(_bound_lengths(items).max()) < MAX_LENGTH_PRODUCT


def fill_by_fused_kernels(
    users: FloatArray, items: FloatArray, candidates: IntArray, request: TopNRequest, best: TopN, device: str
) -> None:
    """Fill `best` from the candidate items, a block of users at a time.

    Args:
        users: `(users, d) float32`, contiguous.
        items: `(items, d) float32`, contiguous.
        candidates: `(candidates,)` indices of the items that some user may get, ascending.
        request: List length and masks.
        best: Written.
        device: Torch device with the kernels' products.
    """
    import torch

    from models.topn import triton_kernels

    # Room for the n best and the items that the bounds cannot tell from them.
    n, capacity = request.n, 8 * request.n + 128
    right = torch.from_numpy(np.ascontiguousarray(items[candidates])).to(device)
    lengths = torch.from_numpy(_bound_lengths(items[candidates])).to(device)
    allowed = torch.from_numpy(_pack_bits(request.allowed[:, candidates])).to(device)
    excluded = request.excluded[:, candidates].tocsr()
    excluded.sum_duplicates()
    for start in range(0, len(users), BLOCK_USERS):
        rows = slice(start, min(start + BLOCK_USERS, len(users)))
        left = torch.from_numpy(users[rows]).to(device)
        errors = _bound_lengths(users[rows]) * np.float32(bound_tf32_error(users.shape[1]))
        user_errors = torch.from_numpy(errors).to(device)
        words = _make_masks(allowed, request.kind[rows], excluded[rows].tocoo())
        bounds = triton_kernels.find_group_maxima(left, right, user_errors, lengths, words)
        thresholds = torch.topk(bounds, n, dim=1).values[:, -1] - UNDERFLOW_SLACK
        counts, found = triton_kernels.collect_candidates(
            left, right, user_errors, lengths, words, thresholds, capacity
        )
        places, scores = _rank_exactly(left, right, counts, found, n)
        best.items[rows] = np.where(places >= 0, candidates[places], -1)
        best.scores[rows] = scores
        overfull = start + np.flatnonzero(counts.cpu().numpy() > capacity)
        _fill_overfull(users, items, candidates, request, best, overfull, device)


def _bound_lengths(vectors: FloatArray) -> FloatArray:
    """Return `(n,) float32` numbers that are not below the vectors' lengths."""
    exact = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
    return (exact * (1 + 1e-6)).astype(np.float32)  # 1e-6 is more than rounding to float32 can take away


def _pack_bits(allowed: BoolArray) -> IntArray:
    """Return `(kinds, words) int32`, 32 items a word, the first in its lowest bit."""
    count = -(-allowed.shape[1] // 32)
    padded = np.zeros((len(allowed), 32 * count), bool)
    padded[:, : allowed.shape[1]] = allowed
    return np.packbits(padded, axis=1, bitorder="little").view("<i4").astype(np.int32)


def _make_masks(allowed: torch.Tensor, kind: NDArray[np.int32], excluded: sparse.coo_matrix) -> torch.Tensor:
    """Return `(users, words) int32`: what users' kinds are allowed, without their own exclusions."""
    import torch

    device = allowed.device
    words = allowed[torch.from_numpy(kind.astype(np.int64)).to(device)]
    row, column = (
        torch.from_numpy(part.astype(np.int64)).to(device) for part in (excluded.row, excluded.col)
    )
    bits = torch.ones_like(column, dtype=torch.int32) << (column % 32).int()
    taken = torch.zeros_like(words)
    # No pair occurs twice, so the sum of the bits is their union.
    taken.view(-1).index_add_(0, row * words.shape[1] + column // 32, bits)
    return (words & ~taken).contiguous()


def _rank_exactly(
    left: torch.Tensor, right: torch.Tensor, counts: torch.Tensor, found: torch.Tensor, n: int
) -> tuple[IntArray, FloatArray]:
    """Score the collected items exactly and keep the n best of each user.

    Returns:
        `(users, n)` places among the candidate items and exact scores; -1 and minus infinity after a list's
        end.
    """
    import torch

    no_item = len(right)
    slot = torch.arange(found.shape[1], device=found.device)
    # Threads append in any order; sorted by item, a stable sort by score settles ties by the lower index.
    ids = torch.sort(torch.where(slot < counts[:, None], found, no_item), dim=1).values.long()
    scores = torch.full(ids.shape, -torch.inf, device=ids.device)
    width = 1 << (left.shape[1] - 1).bit_length()
    step = max(1, DEVICE_TILE_BYTES // (16 * width * ids.shape[1]))  # float64 products, and their sums
    for start in range(0, len(left), step):
        block_ids = ids[start : start + step]
        vectors = right[block_ids.clamp(max=no_item - 1)].double()
        products = vectors * left[start : start + step, None, :].double()
        products = torch.nn.functional.pad(products, (0, width - left.shape[1]))
        while products.shape[2] > 1:  # the order of additions of `numba_kernels.score_pair`
            half = products.shape[2] // 2
            products = products[:, :, :half] + products[:, :, half:]
        scores[start : start + step] = torch.where(block_ids < no_item, products[:, :, 0].float(), -torch.inf)
    # Adding zero makes -0 equal 0, which a sort by bits might tell apart.
    order = torch.sort(scores + 0.0, dim=1, descending=True, stable=True).indices[:, :n]
    chosen, made = ids.gather(1, order), scores.gather(1, order)
    return torch.where(chosen < no_item, chosen, -1).cpu().numpy(), made.cpu().numpy()


def _fill_overfull(
    users: FloatArray,
    items: FloatArray,
    candidates: IntArray,
    request: TopNRequest,
    best: TopN,
    who: IntArray,
    device: str,
) -> None:
    """Fill the lists of users who have more candidates than their buffer holds."""
    if not len(who):
        return
    again = make_empty_lists(len(who), request.n)
    theirs = TopNRequest(request.n, request.allowed, request.kind[who], request.excluded[who])
    fill_on_device(users[who], items, candidates, theirs, again, device)
    best.items[who], best.scores[who] = again

"""The exact top-N by float32 products on a GPU, a block of users and all items at a time."""

from __future__ import annotations

import numpy as np

from models.dataset import FloatArray, IntArray
from models.topn.numba_kernels import rank_pairs
from models.topn.tile_products import bound_product_error
from models.topn.topn_request import TopN, TopNRequest

DEVICE_TILE_BYTES = 1 << 30
"""Memory of the approximate scores that exist at a time; large products are what makes a GPU busy."""


def fill_on_device(
    users: FloatArray,
    items: FloatArray,
    candidates: IntArray,
    request: TopNRequest,
    best: TopN,
    device: str,
) -> None:
    """Fill `best` by float32 products of blocks of users with all candidate items.

    An item whose approximate score is more than twice the bound of the error (`bound_product_error`) below
    the n-th best approximate score cannot be in the top n: at least n items have exact scores above its own.

    Args:
        users: `(users, d) float32`, contiguous.
        items: `(items, d) float32`, contiguous.
        candidates: `(candidates,)` indices of the items that some user may get, ascending.
        request: List length and masks.
        best: Written.
        device: Torch device of the products.
    """
    import torch

    relative = bound_product_error(users.shape[1])
    longest = float(np.linalg.norm(items[candidates].astype(np.float64), axis=1).max())
    # 1 % covers the rounding of the norms and of the bound; 1e-40 covers products that underflow.
    error = (relative * 1.01) * np.linalg.norm(users.astype(np.float64), axis=1) * longest + 1e-40
    columns = torch.from_numpy(items[candidates]).to(device).T
    masks = torch.from_numpy(request.allowed[:, candidates]).to(device)
    excluded = request.excluded[:, candidates].tocsr()
    kept = min(request.n, len(candidates))
    block = max(1, DEVICE_TILE_BYTES // (4 * len(candidates)))
    for start in range(0, len(users), block):
        rows = slice(start, min(start + block, len(users)))
        scores = torch.from_numpy(users[rows]).to(device) @ columns
        scores.masked_fill_(~masks[torch.from_numpy(request.kind[rows]).to(device).long()], -torch.inf)
        part = excluded[rows].tocoo()
        scores[
            torch.from_numpy(part.row.astype(np.int64)).to(device),
            torch.from_numpy(part.col.astype(np.int64)).to(device),
        ] = -torch.inf
        # In double from here on: the bound may be smaller than the spacing of float32 at the score.
        floor = torch.topk(scores, kept, dim=1, sorted=True).values[:, -1].double()
        # A user with fewer than n allowed items has a floor of minus infinity; above -3e38 it lets every
        # allowed item pass and no excluded one.
        floor = torch.clamp(floor - 2 * torch.from_numpy(error[rows]).to(device), min=-3.0e38)
        found_users, found_items = (
            part.cpu().numpy() for part in torch.nonzero(scores.double() >= floor[:, None], as_tuple=True)
        )
        # `nonzero` returns pairs in row order, which makes them the rows of a CSR matrix.
        starts = np.searchsorted(found_users, np.arange(len(scores) + 1))
        rank_pairs(users[rows], items, starts, candidates[found_items], best.items[rows], best.scores[rows])

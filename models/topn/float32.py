"""The exact top-N by float32 products, a block of users and all items at a time, on a processor or a GPU."""

from __future__ import annotations

import numpy as np

from models.data import FloatArray, IntArray
from models.topn.numba_kernels import best_of_pairs
from models.topn.request import TopN, Wanted

TILE_BYTES = 2 << 20
"""Memory of the approximate scores that exist at a time."""
DEVICE_TILE_BYTES = 1 << 30
"""The same on a GPU."""


def by_floats(
    users: FloatArray,
    items: FloatArray,
    there: IntArray,
    wanted: Wanted,
    best: TopN,
    tile_bytes: int,
    device: str,
) -> None:
    """Fill `best` by float32 products, all items that are there at a time.

    A float32 inner product of length d, summed in any order, is off by at most `d * eps / (1 - d * eps)` times
    the product of the norms (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., eq. 3.5). So an item
    whose approximate score is more than twice that below the n-th best approximate score cannot be in the top n.
    """
    import torch

    dim = users.shape[1]
    relative = dim * 2.0**-24 / (1 - dim * 2.0**-24)
    longest = float(np.linalg.norm(items[there].astype(np.float64), axis=1).max())
    error = (relative * 1.01) * np.linalg.norm(users.astype(np.float64), axis=1) * longest + 1e-40
    columns = torch.from_numpy(items[there]).to(device).T
    masks = torch.from_numpy(wanted.allowed[:, there]).to(device)
    barred = wanted.barred[:, there].tocsr()
    kept = min(wanted.n, len(there))
    block = max(1, tile_bytes // (4 * len(there)))
    for start in range(0, len(users), block):
        rows = slice(start, min(start + block, len(users)))
        scores = torch.from_numpy(users[rows]).to(device) @ columns
        scores.masked_fill_(~masks[torch.from_numpy(wanted.kind[rows]).to(device).long()], -torch.inf)
        part = barred[rows].tocoo()
        scores[
            torch.from_numpy(part.row.astype(np.int64)).to(device),
            torch.from_numpy(part.col.astype(np.int64)).to(device),
        ] = -torch.inf
        floor = torch.topk(scores, kept, dim=1, sorted=True).values[:, -1].double()
        floor = torch.clamp(floor - 2 * torch.from_numpy(error[rows]).to(device), min=-3.0e38)
        found_users, found_items = (
            part.cpu().numpy() for part in torch.nonzero(scores.double() >= floor[:, None], as_tuple=True)
        )
        starts = np.searchsorted(found_users, np.arange(len(scores) + 1))
        best_of_pairs(users[rows], items, starts, there[found_items], best.items[rows], best.scores[rows])

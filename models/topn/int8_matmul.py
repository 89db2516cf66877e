"""Matrix products of 8-bit vectors by oneDNN, as torch's quantised layers call it: one side packed once, scaled as it goes.

The sums are exact in 32 bits; each is then multiplied by its item's step in float32 and rounded to bfloat16, which halves
what has to be written and looked through and is far finer than 8-bit vectors are.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from models.data import FloatArray
from models.topn.numba_kernels import MOST

ZERO = 128
"""The left side is taken without signs, with this much added."""

Codes = NDArray[np.int8]


class Tile:
    """The right side of a product, packed for this processor.

    Args:
        codes: `(items, d) int8`.
        steps: `(items,) float32` that each item's sums are multiplied by.
    """

    def __init__(self, codes: Codes, steps: FloatArray) -> None:
        import torch

        self.width = len(codes)
        self.packed = torch.ops.onednn.qlinear_prepack(torch.from_numpy(codes), None)
        self.steps = torch.from_numpy(np.ascontiguousarray(steps))
        self.zeros = torch.zeros(self.width, dtype=torch.int32)


def products(codes: Codes, tile: Tile) -> NDArray[np.int16]:
    """`(users, items)`, the bits of bfloat16: the inner product of each pair of codes, times the item's step.

    Args:
        codes: `(users, d) int8`, none of them -128.
        tile: The items.
    """
    import torch

    left = torch.from_numpy(codes.view(np.uint8) + np.uint8(ZERO))
    found = torch.ops.onednn.qlinear_pointwise(
        left, 1.0, ZERO, tile.packed, tile.steps, tile.zeros, None, 1.0, 0, torch.bfloat16, "none", [], ""
    )
    bits: NDArray[np.int16] = found.view(torch.int16).numpy()
    return bits


@cache
def is_exact(dim: int) -> bool:
    """Whether this machine sums products of 8-bit vectors of this length without error.

    Processors without 32-bit accumulation of 8-bit products saturate on large values, so the largest are tried; builds of
    torch without oneDNN have no such product at all.
    """
    signs = np.where(np.arange(4)[:, None] & (1 << (np.arange(dim) % 2)), -MOST, MOST).astype(np.int8)
    try:
        found = products(signs, Tile(signs, np.ones(4, np.float32)))
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    values = (found.astype(np.int32) << 16).view(np.float32)
    wide = signs.astype(np.int64)
    sums = wide @ wide.T
    return bool((np.abs(values - sums) <= np.abs(sums) * 2.0**-8).all())

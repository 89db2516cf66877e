"""Matrix products of 8-bit vectors by oneDNN, as torch's quantised layers call it.

One side is packed once and multiplied many times. The sums are exact in 32 bits; each is then multiplied by
its item's step in float32 and rounded to bfloat16, which halves what has to be written and scanned. That
rounding is finer than the bound of 8-bit vectors, and has a term of its own in it
(`numba_kernels.BFLOAT16_SLACK`).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from models.dataset import FloatArray
from models.topn.numba_kernels import MAX_CODE

ZERO_POINT = 128
"""Added to the left side's codes: oneDNN's fast kernels take unsigned times signed numbers."""

Codes = NDArray[np.int8]


class PackedTile:
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


def multiply_codes(codes: Codes, tile: PackedTile) -> NDArray[np.int16]:
    """Multiply users' codes with a tile of items.

    Args:
        codes: `(users, d) int8`, none of them -128.
        tile: The items.

    Returns:
        `(users, items)`, the bits of bfloat16: the inner product of each pair of codes, times the item's
        step.
    """
    import torch

    # uint8 addition wraps, which turns a two's complement code c into c + 128.
    left = torch.from_numpy(codes.view(np.uint8) + np.uint8(ZERO_POINT))
    found = torch.ops.onednn.qlinear_pointwise(
        left,
        1.0,
        ZERO_POINT,
        tile.packed,
        tile.steps,
        tile.zeros,
        None,
        1.0,
        0,
        torch.bfloat16,
        "none",
        [],
        "",
    )
    bits: NDArray[np.int16] = found.view(torch.int16).numpy()  # numpy has no bfloat16
    return bits


@cache
def is_int8_exact(dim: int) -> bool:
    """Return whether this machine sums products of 8-bit vectors of this length without error.

    Processors without 32-bit accumulation of 8-bit products saturate on large values, so the largest are
    tried: all four sign patterns of neighbouring codes, as such processors add neighbours first. Builds of
    torch without oneDNN have no such product at all.
    """
    signs = np.where(np.arange(4)[:, None] & (1 << (np.arange(dim) % 2)), -MAX_CODE, MAX_CODE).astype(np.int8)
    try:
        found = multiply_codes(signs, PackedTile(signs, np.ones(4, np.float32)))
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    values = (found.astype(np.int32) << 16).view(np.float32)
    wide = signs.astype(np.int64)
    sums = wide @ wide.T
    # 2^-8 is what rounding to bfloat16 may change.
    return bool((np.abs(values - sums) <= np.abs(sums) * 2.0**-8).all())

"""Matrix products of 8-bit vectors by oneDNN, as torch's quantised layers call it.

One side is packed once and multiplied many times. The sums are exact in 32 bits; each is then multiplied by
its item's step in float32.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from models.dataset import FloatArray
from models.topn.quantize import Codes, QuantizedUsers, Rounding, quantize_items, quantize_users

ZERO_POINT = 128
"""Added to the left side's codes: oneDNN's fast kernels take unsigned times signed numbers."""
MAX_CODE = 127
"""The largest code; -128 is not used, so that codes have the same range on both sides of zero."""


class PackedTile:
    """The right side of a product, packed for this processor.

    Args:
        codes: `(items, d) int8`.
        steps: `(items,) float32` that each item's sums are multiplied by.
    """

    def __init__(self, codes: Codes, steps: FloatArray) -> None:
        import torch

        self.packed = torch.ops.onednn.qlinear_prepack(torch.from_numpy(codes), None)
        self.steps = torch.from_numpy(np.ascontiguousarray(steps))
        self.zeros = torch.zeros(len(codes), dtype=torch.int32)


class OneDnnTiles:
    """The candidate items, rounded to 8 bits, in packed tiles; see `tile_products.Tiles`."""

    def __init__(self, items: FloatArray, users: FloatArray, width: int) -> None:
        self.rounding = Rounding(MAX_CODE, items.shape[1])
        self.rounded = quantize_items(items, users, self.rounding)
        self.order = self.rounded.order
        steps, self.bounds = self.rounded.bounds[0], self.rounded.bounds[1:]
        self.tiles = [
            PackedTile(self.rounded.codes[begin : begin + width], steps[begin : begin + width])
            for begin in range(0, len(self.order), width)
        ]

    def begin_block(self, users: FloatArray) -> QuantizedUsers:
        """Return the users' codes, bounds and conversion."""
        return quantize_users(users, self.rounded, self.rounding)

    def multiply(self, left: Codes, tile: int) -> FloatArray:
        """Return the scores of one tile."""
        return multiply_codes(left, self.tiles[tile])


def multiply_codes(codes: Codes, tile: PackedTile) -> FloatArray:
    """Multiply users' codes with a tile of items.

    Args:
        codes: `(users, d) int8`, none of them -128.
        tile: The items.

    Returns:
        `(users, items) float32`: the inner product of each pair of codes, times the item's step.
    """
    import torch

    # uint8 addition wraps, which turns a two's complement code c into c + 128.
    left = torch.from_numpy(codes.view(np.uint8) + np.uint8(ZERO_POINT))
    found: FloatArray = torch.ops.onednn.qlinear_pointwise(
        left,
        1.0,
        ZERO_POINT,
        tile.packed,
        tile.steps,
        tile.zeros,
        None,
        1.0,
        0,
        torch.float32,
        "none",
        [],
        "",
    ).numpy()
    return found


@cache
def is_onednn_exact(dim: int) -> bool:
    """Return whether oneDNN sums products of 8-bit vectors of this length without error here.

    Processors without 32-bit accumulation of 8-bit products saturate on large values, so the largest are
    tried: all four sign patterns of neighbouring codes, as such processors add neighbours first. Builds of
    torch without oneDNN have no such product at all. How fast it is, `first_pass` measures.
    """
    signs = np.where(np.arange(4)[:, None] & (1 << (np.arange(dim) % 2)), -MAX_CODE, MAX_CODE).astype(np.int8)
    try:
        found = multiply_codes(signs, PackedTile(signs, np.ones(4, np.float32)))
    except (AttributeError, RuntimeError, NotImplementedError):
        return False
    wide = signs.astype(np.int64)
    sums = wide @ wide.T
    # Sums of long vectors are rounded when they become float32.
    return bool((np.abs(found - sums) <= np.abs(sums) * 2.0**-23).all())

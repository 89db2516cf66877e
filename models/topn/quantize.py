"""Vectors rounded to 8 bits for the first pass of the exact top-N, with a bound on what rounding changed.

With û, î the rounded vectors, `|u·i − û·î| = |u·(i−î) + (u−û)·î| ≤ |u| |i−î| + |u−û| |î|` (Cauchy and
Schwarz). All four lengths are known for each vector, and û·î is computed without error in int32
(`int8_matmul`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.dataset import FloatArray
from models.topn.numba_kernels import quantize_rows

Floats = NDArray[np.float64]
FLOAT32_SLACK = 2.0**-20
"""Share of |u| |i| added to the bound: more than what float32 arithmetic and rounding can add up to."""
UNDERFLOW_SLACK = 2.0**-148
"""Twice the spacing of the smallest float32: exact scores that differ by less may round to one number."""


class QuantizedItems(NamedTuple):
    """The items' side of the first pass.

    Rows are sorted by length, the longest first: long items have the largest scores, so that users'
    thresholds rise early and later tiles yield few candidates.

    Args:
        codes: `(items, d) int8`.
        order: `(items,) int32` index of each row's item.
        bounds: `(3, items) float32`: step, length of the rounding error with slack, and length, in units of
            `unit`.
        unit: The largest step.
        balance: `(d,)` powers of two by which users' coordinates are multiplied and items' divided.
    """

    codes: NDArray[np.int8]
    order: NDArray[np.int32]
    bounds: FloatArray
    unit: float
    balance: Floats


def quantize_items(items: FloatArray, users: FloatArray) -> QuantizedItems:
    """Round the items to 8 bits.

    Coordinates are balanced so that both sides have about the same spread in each: a blend puts score parts
    of very different models side by side, and a vector's largest coordinate decides the step of all. The mean
    item is subtracted from all items, which moves all scores of a user by the same amount and leaves smaller
    numbers to round.

    Args:
        items: `(items, d) float32`.
        users: `(users, d) float32`, of which only the size of each coordinate is read.
    """
    balance = _compute_balance(users, items)
    mean = items.mean(axis=0, dtype=np.float64) / balance
    codes, (length, step, error, rounded) = _quantize_rows(items, 1 / balance, mean)
    order = np.argsort(-rounded, kind="stable")
    unit = float(step.max())
    # The factors 1 + 1e-6 keep bounds upper bounds when they are rounded to float32.
    inexact = (error + FLOAT32_SLACK * (length + rounded)) * (1 + 1e-6)
    bounds = np.stack([step, inexact, rounded * (1 + 1e-6)])[:, order] / unit
    return QuantizedItems(codes[order], order.astype(np.int32), bounds.astype(np.float32), unit, balance)


def quantize_users(users: FloatArray, items: QuantizedItems) -> tuple[NDArray[np.int8], FloatArray]:
    """Round the users to 8 bits, and return what turns an item's error and length into the bound of a score.

    Bounds are in units of the user's step times the items' unit, as the approximate scores are.

    Returns:
        `(users, d) int8`, and `(3, users) float32`: factors of the items' error and length, and what is
        added.
    """
    codes, (length, step, error, _) = _quantize_rows(users, items.balance, np.zeros_like(items.balance))
    bounds = np.stack([length / step, error / step, UNDERFLOW_SLACK / (step * items.unit) + 1e-30])
    # A bound of 1e37 lets every item pass, as infinity would, but never becomes NaN.
    return codes, np.minimum(bounds * (1 + 1e-6), 1e37).astype(np.float32)


def _quantize_rows(values: FloatArray, factor: Floats, centre: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Return codes of `values * factor - centre`, and four numbers for each row.

    The length before centring, the step, the length of the error, and the length of the rounded row.
    """
    codes, facts = np.empty(values.shape, np.int8), np.empty((4, len(values)))
    quantize_rows(values, factor, centre, codes, facts)
    return codes, facts


def _compute_balance(users: FloatArray, items: FloatArray) -> Floats:
    """Return `(d,)` powers of two that make both sides' coordinates about equally large."""
    sizes = [
        np.sqrt(np.einsum("nd,nd->d", part, part, dtype=np.float64) / len(part)) for part in (items, users)
    ]
    is_used = (sizes[0] > 0) & (sizes[1] > 0)
    ratio = np.where(is_used, sizes[0], 1.0) / np.where(is_used, sizes[1], 1.0)
    # Powers of two multiply and divide without rounding, so that balancing changes no score.
    return np.exp2(np.rint(np.log2(ratio) / 2))

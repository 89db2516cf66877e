"""The first pass of the exact top-N: inner products of vectors rounded to 8 bits, with a bound on what rounding did.

With û, î the rounded vectors, `|u·i − û·î| = |u·(i−î) + (u−û)·î| ≤ |u| |i−î| + |u−û| |î|` (Cauchy and Schwarz). All
four lengths are known for each vector, and û·î is computed without error in int32 (`products`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.data import FloatArray
from models.topn.numba_kernels import round_rows

Floats = NDArray[np.float64]
SLACK = 2.0**-20
"""Of |u| |i|: more than all that float32 arithmetic on bounds, and rounding the exact score, can add up to."""
SMALLEST = 2.0**-148
"""Twice the spacing of the smallest float32: scores that differ by less may round to the same."""


class Items(NamedTuple):
    """The items' side, rows in the order of `order`, the longest first, which raises thresholds early.

    Args:
        codes: `(items, d) int8`.
        order: `(items,) int32` index of each row's item.
        bounds: `(3, items) float32`: step, length of the rounding error with slack, and length, in units of `unit`.
        unit: The largest step.
        balance: `(d,)` powers of two by which users' coordinates are multiplied and items' divided.
    """

    codes: NDArray[np.int8]
    order: NDArray[np.int32]
    bounds: FloatArray
    unit: float
    balance: Floats


def round_items(items: FloatArray, users: FloatArray) -> Items:
    """The items rounded.

    Coordinates are balanced so that both sides spread alike in each (score parts of very different models lie side by
    side in a blend), and the mean item is taken off all items, which moves all scores of a user alike.
    """
    balance = _balance(users, items)
    mean = items.mean(axis=0, dtype=np.float64) / balance
    codes, (length, step, error, rounded) = _round(items, 1 / balance, mean)
    order = np.argsort(-rounded, kind="stable")
    unit = float(step.max())
    inexact = (error + SLACK * (length + rounded)) * (1 + 1e-6)
    bounds = np.stack([step, inexact, rounded * (1 + 1e-6)])[:, order] / unit
    return Items(codes[order], order.astype(np.int32), bounds.astype(np.float32), unit, balance)


def round_users(users: FloatArray, items: Items) -> tuple[NDArray[np.int8], FloatArray]:
    """`(users, d) int8`, and `(3, users)`: factors of the items' error and length, and what is added to the bound."""
    codes, (length, step, error, _) = _round(users, items.balance, np.zeros_like(items.balance))
    bounds = np.stack([length / step, error / step, SMALLEST / (step * items.unit) + 1e-30])
    return codes, np.minimum(bounds * (1 + 1e-6), 1e37).astype(np.float32)


def _round(values: FloatArray, factor: Floats, centre: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Codes of `values * factor - centre`; and by row length before centring, step, error and length of the rounded."""
    codes, facts = np.empty(values.shape, np.int8), np.empty((4, len(values)))
    round_rows(values, factor, centre, codes, facts)
    return codes, facts


def _balance(users: FloatArray, items: FloatArray) -> Floats:
    """`(d,)` powers of two that make both sides' coordinates about equally large."""
    sizes = [
        np.sqrt(np.einsum("nd,nd->d", part, part, dtype=np.float64) / len(part)) for part in (items, users)
    ]
    is_used = (sizes[0] > 0) & (sizes[1] > 0)
    ratio = np.where(is_used, sizes[0], 1.0) / np.where(is_used, sizes[1], 1.0)
    return np.exp2(np.rint(np.log2(ratio) / 2))

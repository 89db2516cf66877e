"""Vectors rounded to 8 bits for the first pass of the exact top-N, with a bound on what rounding changed.

With û, î the rounded vectors, `|u·i − û·î| = |u·(i−î) + (u−û)·î| ≤ |u| |i−î| + |u−û| |î|` (Cauchy and
Schwarz). All four lengths are known for each vector, and û·î is computed without error in integers, so the
bound does not depend on the instructions that compute it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from models.dataset import FloatArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int8]
FLOAT32_SLACK = 2.0**-20
"""Share of |u| |i| added to the bound: more than what float32 arithmetic and rounding can add up to."""
UNDERFLOW_SLACK = 2.0**-148
"""Twice the spacing of the smallest float32: exact scores that differ by less may round to one number."""
ROUNDED_UP = 1 + 1e-6
"""Factor that keeps a bound an upper bound when it is rounded to float32, a few times."""


class Rounding(NamedTuple):
    """What codes the integer product takes without overflow.

    Args:
        max_code: The largest code; the smallest is its negative.
        width: Coordinates of a row of codes, at least d; the rest are zero.
        runs: Equal parts of the width whose products are added in 16 bits; 0 where sums have 32 bits.
        max_run_length: Largest length of a run's codes that are added in one 16-bit sum: every other pair of
            coordinates.
    """

    max_code: int
    width: int
    runs: int = 0
    max_run_length: float = 0.0


class QuantizedItems(NamedTuple):
    """The items' side of the first pass.

    Rows are sorted by length, the longest first: long items have the largest scores, so that users'
    thresholds rise early and later tiles yield few candidates.

    Args:
        codes: `(items, width) int8`.
        order: `(items,) int32` index of each row's item.
        bounds: `(3, items) float32`: step, length of the rounding error with slack, and length, in units of
            `unit`.
        unit: The largest step.
        balance: `(d,)` powers of two by which users' coordinates are multiplied and items' divided.
        mean: `(d,)` the mean item, which was subtracted.
    """

    codes: Codes
    order: NDArray[np.int32]
    bounds: FloatArray
    unit: float
    balance: Floats
    mean: Floats


class QuantizedUsers(NamedTuple):
    """The users' side of the first pass.

    Args:
        codes: `(users, width) int8`.
        bounds: `(4, users) float32`: what an item's error and length are multiplied by to bound the error of
            an approximate score, what is added, and the rounded user's length. In units of the user's step
            times the items' unit, as approximate scores are.
        conversion: `(2, users) float64`: what is subtracted from an exact score, and the factor that makes it
            an approximate one.
    """

    codes: Codes
    bounds: FloatArray
    conversion: Floats


def quantize_items(items: FloatArray, users: FloatArray, rounding: Rounding) -> QuantizedItems:
    """Round the items.

    Coordinates are balanced so that both sides have about the same spread in each: a blend puts score parts
    of very different models side by side, and a vector's largest coordinate decides the step of all. The mean
    item is subtracted from all items, which moves all scores of a user by the same amount and leaves smaller
    numbers to round.

    Args:
        items: `(items, d) float32`.
        users: `(users, d) float32`, of which only the size of each coordinate is read.
        rounding: What codes are allowed.
    """
    balance = _compute_balance(users, items)
    mean = items.mean(axis=0, dtype=np.float64)
    codes, (length, step, error, rounded) = _quantize(items, 1 / balance, mean / balance, rounding)
    order = np.argsort(-rounded, kind="stable")
    unit = float(step.max())
    inexact = error + FLOAT32_SLACK * (length + rounded)
    bounds = np.stack([step, inexact * ROUNDED_UP, rounded * ROUNDED_UP])[:, order] / unit
    return QuantizedItems(
        codes[order], order.astype(np.int32), bounds.astype(np.float32), unit, balance, mean
    )


def quantize_users(users: FloatArray, items: QuantizedItems, rounding: Rounding) -> QuantizedUsers:
    """Round the users.

    Args:
        users: `(users, d) float32`.
        items: The items, rounded before.
        rounding: What codes are allowed.
    """
    codes, (length, step, error, rounded) = _quantize(
        users, items.balance, np.zeros_like(items.balance), rounding
    )
    more = UNDERFLOW_SLACK / (step * items.unit) + 1e-30
    bounds = np.stack([length / step, error / step, more, rounded / step])
    conversion = np.stack([users.astype(np.float64) @ items.mean, 1 / (step * items.unit)])
    # A bound of 1e37 lets every item pass, as infinity would, but never becomes NaN.
    return QuantizedUsers(codes, np.minimum(bounds * ROUNDED_UP, 1e37).astype(np.float32), conversion)


def _quantize(values: FloatArray, factor: Floats, centre: Floats, rounding: Rounding) -> tuple[Codes, Floats]:
    """Return codes of `values * factor - centre`, and four numbers for each row.

    The length before centring, the step, the length of the error, and the length of the rounded row.
    """
    codes, facts = np.zeros((len(values), rounding.width), np.int8), np.empty((4, len(values)))
    quantize_rows(
        values, factor, centre, rounding.max_code, rounding.runs, rounding.max_run_length, codes, facts
    )
    return codes, facts


@numba.njit(cache=True, nogil=True)
def quantize_rows(
    values: Any,
    factor: Any,
    centre: Any,
    max_code: Any,
    runs: Any,
    max_run_length: Any,
    codes: Any,
    facts: Any,
) -> None:
    """Round each row of `values * factor - centre` to multiples of a step of its own, as fine as allowed.

    Args:
        values: `(rows, d) float32`.
        factor: `(d,) float64`.
        centre: `(d,) float64`.
        max_code: See `Rounding`.
        runs: See `Rounding`.
        max_run_length: See `Rounding`.
        codes: `(rows, width) int8`, written: the multiples.
        facts: `(4, rows) float64`, written: length before centring, step, length of the error, length of the
            rounded.
    """
    dim, run_width = values.shape[1], codes.shape[1] // max(runs, 1)
    exact = np.empty(dim, np.float64)
    # Rounding moves each of a sum's run_width / 2 codes by half a step at most.
    most_length = max_run_length - 0.5 * np.sqrt(run_width / 2) - 1e-6
    for row in range(len(values)):
        length, most, error, rounded = 0.0, 0.0, 0.0, 0.0
        for k in range(dim):
            value = np.float64(values[row, k]) * factor[k]
            length += value * value
            exact[k] = value - centre[k]
            most = max(most, abs(exact[k]))
        step = most / max_code if most > 0 else 1.0
        if runs:
            longest = 0.0
            for begin in range(0, dim, run_width):
                # Of four coordinates, the first two are added in one 16-bit sum, the others in the next.
                for first in (begin, begin + 2):
                    square = 0.0
                    for four in range(first, min(begin + run_width, dim), 4):
                        square += exact[four] * exact[four]
                        if four + 1 < dim:
                            square += exact[four + 1] * exact[four + 1]
                    longest = max(longest, square)
            step = max(step, np.sqrt(longest) / most_length)
        for k in range(dim):
            code = np.rint(exact[k] / step)
            codes[row, k] = np.int8(code)
            error += (exact[k] - code * step) ** 2
            rounded += (code * step) ** 2
        facts[0, row], facts[1, row] = np.sqrt(length), step
        facts[2, row], facts[3, row] = np.sqrt(error), np.sqrt(rounded)


def _compute_balance(users: FloatArray, items: FloatArray) -> Floats:
    """Return `(d,)` powers of two that make both sides' coordinates about equally large."""
    sizes = [
        np.sqrt(np.einsum("nd,nd->d", part, part, dtype=np.float64) / len(part)) for part in (items, users)
    ]
    is_used = (sizes[0] > 0) & (sizes[1] > 0)
    ratio = np.where(is_used, sizes[0], 1.0) / np.where(is_used, sizes[1], 1.0)
    # Powers of two multiply and divide without rounding, so that balancing changes no score.
    return np.exp2(np.rint(np.log2(ratio) / 2))

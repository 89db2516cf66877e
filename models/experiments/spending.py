"""Bounds for looking every day: how far a difference may stray by chance, over all looks of an experiment.

Error spending (Lan and DeMets, "Discrete sequential boundaries for clinical trials", Biometrika 1983), with
the function that spends about as O'Brien and Fleming's test does: little early, nearly all at the end. The
risk that is spent by a look depends on the share of the planned time that has passed, which may be calendar
time (Lan and DeMets, "Group sequential procedures: calendar versus information time", Statistics in Medicine
1989). Bounds follow by recursive integration (Armitage, McPherson and Rowe, "Repeated significance tests on
accumulating data", JRSS A 1969). Intervals of this width around the estimates of all looks form a confidence
sequence up to the planned end: with probability 1 - risk all of them cover the truth.

The recursion needs how strongly each look is correlated with the one before, which the data tell: a clock
runs such that the correlation of two looks is the square root of the ratio of their times. For a sum of
independent steps it is the variance of the sum. For who has bought so far among the same users it is the
odds of having bought: who has bought once cannot do so again, so that later looks repeat less of the earlier
ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import ndtr
from scipy.stats import norm

Doubles = NDArray[np.float64]

MAX_BOUND = 8.0
"""Bounds above it are this one: in double precision nothing is left to spend there."""
GRID_POINTS = 401
"""Points at which the density between two looks is known."""
MIN_STEP = 0.002
"""Smallest growth of the clock from one look to the next, as a share: a look that adds less is none."""


MIN_CORRELATION = 0.01
"""Smaller correlations of two looks are this one."""


def spend_risk(share: Doubles, risk: float) -> Doubles:
    """Return the risk that is spent by each share of the planned time, two-sided.

    Args:
        share: `(looks,)` in (0, 1].
        risk: Probability of crossing the bounds by chance at any look.
    """
    # Each side spends half of the risk by 2 - 2 Φ(z / √share), which is that half at the end.
    return np.asarray(4 * norm.sf(norm.isf(risk / 4) / np.sqrt(np.minimum(share, 1.0))))


def compute_bounds(clock: Doubles, spent: Doubles) -> Doubles:
    """Compute the bound of each look on the absolute difference divided by its standard error.

    Args:
        clock: `(looks,)` time of each look, in any unit, from `run_clock`; 0 before the first look.
        spent: `(looks,)` risk spent by each look, ascending.

    Returns:
        `(looks,)`; infinite at looks that add too little to be one.
    """
    bounds = np.full(len(clock), np.inf)
    density: tuple[Doubles, Doubles] | None = None  # points of the sum of increments, and mass at each
    before, used = 0.0, 0.0
    for look, (now, total) in enumerate(zip(clock.tolist(), spent.tolist(), strict=True)):
        if not np.isfinite(now) or now <= before * (1 + MIN_STEP):
            continue
        points, mass = (np.zeros(1), np.ones(1)) if density is None else density
        step, scale = np.sqrt(now - before), np.sqrt(now)
        left = max(total - used, 0.0)

        def exceed(
            bound: float,
            points: Doubles = points,
            mass: Doubles = mass,
            step: float = step,
            scale: float = scale,
            left: float = left,
        ) -> float:
            """Return by how much the probability of crossing at this look exceeds what may be spent."""
            edge = bound * scale
            crossed = ndtr((points - edge) / step) + ndtr((-points - edge) / step)
            return float(mass @ crossed) - left

        bound = MAX_BOUND if exceed(MAX_BOUND) >= 0 else float(brentq(exceed, 0.0, MAX_BOUND, xtol=1e-6))
        bounds[look] = bound
        # Simpson's rule on an even grid within the bounds.
        grid = np.linspace(-bound * scale, bound * scale, GRID_POINTS)
        weight = np.full(GRID_POINTS, 2.0)
        weight[1::2], weight[0], weight[-1] = 4.0, 1.0, 1.0
        weight *= (grid[1] - grid[0]) / 3
        shift = (grid[:, None] - points[None, :]) / step
        inside = np.exp(-0.5 * shift * shift) @ mass / (step * np.sqrt(2 * np.pi))
        density = grid, inside * weight
        before, used = now, total
    return bounds


def run_clock(correlation: Doubles) -> Doubles:
    """Run the clock of looks by their correlations.

    Args:
        correlation: `(looks,)` of each look with the one before; 0 at the first, NaN where there is no look.

    Returns:
        `(looks,)`, 1 at the first look, and 0 before it.
    """
    clock, now = np.zeros(len(correlation)), 0.0
    for look, value in enumerate(correlation.tolist()):
        if np.isfinite(value):
            now = 1.0 if now == 0 else now / np.clip(value, MIN_CORRELATION, 1.0) ** 2
        clock[look] = now
    return clock


def find_smallest_risk(z: Doubles, clock: Doubles, share: Doubles) -> float:
    """Return the smallest risk at which some look is beyond its bound: an always-valid p-value.

    Args:
        z: `(looks,)` difference divided by its standard error.
        clock: `(looks,)` as in `compute_bounds`.
        share: `(looks,)` share of the planned time.

    Returns:
        Between 0.0001 and 1.
    """

    def is_called(risk: float) -> bool:
        return bool((np.abs(z) > compute_bounds(clock, spend_risk(share, risk))).any())

    low, high = 1e-4, 1.0
    if is_called(low):
        return low
    for _ in range(14):
        middle = float(np.sqrt(low * high))
        low, high = (low, middle) if is_called(middle) else (middle, high)
    return high

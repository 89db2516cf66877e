"""Calibration: turning scores into probabilities, and how far those are from observed rates."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.dataset import BoolArray

Doubles = NDArray[np.float64]


class LogisticCurve(NamedTuple):
    """The curve `probability = 1 / (1 + exp(-(slope * score + shift)))`."""

    slope: float
    shift: float

    def __call__(self, scores: Doubles) -> Doubles:
        """Return the probabilities of scores; exponents are clipped to 30.

        Beyond that, float64 would hardly differ from 0 or 1.
        """
        return np.asarray(1 / (1 + np.exp(-np.clip(self.slope * scores + self.shift, -30, 30))))


def fit_logistic(scores: Doubles, outcomes: BoolArray, steps: int = 25) -> LogisticCurve:
    """Fit slope and shift by maximum likelihood (Platt scaling).

    Platt, "Probabilistic outputs for support vector machines", 1999.

    Newton's method with a ridge of 1e-6, so that outcomes that the scores separate perfectly have a solution,
    too.

    Args:
        scores: `(n,) float64`.
        outcomes: `(n,)` what happened.
        steps: Newton steps.
    """
    design = np.stack([scores, np.ones_like(scores)], axis=1)
    rate = np.clip(outcomes.mean(), 1e-6, 1 - 1e-6) if len(outcomes) else 0.5
    # Start from the constant prediction of the mean outcome, from which Newton's method converges.
    at = np.array([0.0, np.log(rate / (1 - rate))])
    for _ in range(steps):
        expected = LogisticCurve(*at)(scores)
        curvature = (design * (expected * (1 - expected))[:, None]).T @ design + 1e-6 * np.eye(2)
        at = at + np.linalg.solve(curvature, design.T @ (outcomes - expected) - 1e-6 * at)
    return LogisticCurve(float(at[0]), float(at[1]))


def compute_calibration_error(probabilities: Doubles, outcomes: BoolArray, bins: int = 15) -> float:
    """Compute the expected calibration error: mean gap of predicted and observed rate over bins.

    Naeini, Cooper and Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning", AAAI
    2015.
    """
    # Bins of equal size: most click probabilities are near 0, in one bin if all had equal width.
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [abs(probabilities[part].mean() - outcomes[part].mean()) * len(part) for part in parts]
    return float(sum(gaps) / max(len(order), 1))

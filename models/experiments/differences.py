"""The difference of two groups of users in a number per user, with less noise by what was known before.

The adjustment is CUPED (Deng, Xu, Kohavi and Walker, "Improving the sensitivity of online controlled
experiments by utilizing pre-experiment data", WSDM 2013) with several covariates: the part of the outcome
that a linear regression on the users' behaviour before the experiment foretells is taken away. As assignment
is random, the difference stays the same in expectation (Lin, "Agnostic notes on regression adjustments to
experimental data", Annals of Applied Statistics 2013).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

MIN_USERS = 30
"""Users that each group needs; with fewer there is no difference to speak of."""
MIN_USERS_PER_COVARIATE = 20
"""Users for each covariate of the regression; with fewer there is no adjustment."""


TINY = 1e-9
"""Standard deviation of a covariate, relative to its largest value, below which it is constant."""


@dataclass(frozen=True)
class Difference:
    """A difference of means between a variant and the control, NaN where it cannot be known.

    Args:
        users: Users of the variant.
        control_users: Users of the control.
        mean: Mean of the variant, adjusted.
        control_mean: Mean of the control, adjusted.
        mean_error: Standard error of the variant's mean.
        control_error: Standard error of the control's mean.
        error: Standard error of the difference.
        lift: Relative difference.
        lift_error: Its standard error (delta method).
        plain_error: Standard error of the difference without adjustment.
    """

    users: int
    control_users: int
    mean: float
    control_mean: float
    mean_error: float
    control_error: float
    error: float
    lift: float
    lift_error: float
    plain_error: float

    @property
    def difference(self) -> float:
        """Mean of the variant less that of the control."""
        return self.mean - self.control_mean

    def find_lift_interval(self, bound: float) -> tuple[float, float]:
        """Return the interval of the relative difference, NaN where it has no end.

        By Fieller's theorem ("Some problems in interval estimation", JRSS B 1954): all ratios r for which the
        variant's mean less r times the control's is within the bound. So it leaves out 0 exactly where the
        interval of the difference does.

        Args:
            bound: Standard errors on either side.
        """
        square = self.control_mean**2 - (bound * self.control_error) ** 2
        if not square > 0:  # also where something is NaN or infinite
            return float("nan"), float("nan")
        middle = self.mean * self.control_mean
        rest = self.mean**2 - (bound * self.mean_error) ** 2
        half = float(np.sqrt(max(middle**2 - square * rest, 0.0)))
        return (middle - half) / square - 1, (middle + half) / square - 1

    @property
    def narrowing(self) -> float:
        """Share by which the adjustment narrows the interval; 0 where there is none."""
        return 1 - self.error / self.plain_error if self.plain_error else 0.0


def adjust_by_covariates(outcome: Doubles, covariates: Doubles | None, group: NDArray[np.int64]) -> Doubles:
    """Take away what a linear regression on the covariates foretells of the outcome.

    Args:
        outcome: `(users,)`.
        covariates: `(users, k)` known before the experiment, or None.
        group: `(users,)` code of each user's variant; each has a mean of its own in the regression, so that
            an effect is not taken for something foretold.

    Returns:
        `(users,)`, of the same mean.
    """
    if covariates is None or len(outcome) < MIN_USERS_PER_COVARIATE * (covariates.shape[1] + 1):
        return outcome
    centred = covariates - covariates.mean(axis=0)
    # The normal equations of the deviations from each group's mean: their size does not grow with the users.
    products, target = centred.T @ centred, centred.T @ outcome
    for code in np.unique(group):
        rows = (group == code).astype(np.float64)  # a product with them needs no copy of the covariates
        mean = rows @ centred / rows.sum()
        products -= rows.sum() * np.outer(mean, mean)
        target -= rows @ outcome * mean
    # The covariates are on very different scales; columns that say nothing get the coefficient 0.
    scale = np.sqrt(np.maximum(np.diag(products), 0.0))
    kept = scale > TINY * np.sqrt(len(outcome)) * np.maximum(np.abs(covariates).max(axis=0), TINY)
    if not kept.any():
        return outcome
    scale = scale[kept]
    found, _, rank, _ = np.linalg.lstsq(
        products[np.ix_(kept, kept)] / np.outer(scale, scale), target[kept] / scale, rcond=1e-9
    )
    adjusted = outcome - centred[:, kept] @ (found / scale)
    # A regression fits some of the noise, too: the spread within groups is that of fewer degrees of freedom.
    groups = np.unique(group)
    wider = np.sqrt((len(outcome) - len(groups)) / (len(outcome) - len(groups) - rank))
    for code in groups:
        rows = group == code
        mean = adjusted[rows].mean()
        adjusted[rows] = mean + wider * (adjusted[rows] - mean)
    return np.asarray(adjusted)


def estimate_difference(
    outcome: Doubles, adjusted: Doubles, variant: NDArray[np.bool_], control: NDArray[np.bool_]
) -> Difference:
    """Estimate the difference between the users of a variant and of the control.

    Args:
        outcome: `(users,)` as counted.
        adjusted: `(users,)` from `adjust_by_covariates`.
        variant: `(users,)` mask.
        control: `(users,)` mask.
    """
    users, others = int(variant.sum()), int(control.sum())
    if min(users, others) < MIN_USERS:
        return Difference(users, others, *[float("nan")] * 8)
    means, variances, plain = [], [], []
    for rows in (variant, control):
        means.append(float(adjusted[rows].mean()))
        variances.append(float(adjusted[rows].var(ddof=1)) / int(rows.sum()))
        plain.append(float(outcome[rows].var(ddof=1)) / int(rows.sum()))
    mean, control_mean = means
    lift = lift_error = float("nan")
    if control_mean > 0:
        lift = mean / control_mean - 1
        lift_error = float(np.sqrt(variances[0] + (1 + lift) ** 2 * variances[1])) / control_mean
    error, plain_error = float(np.sqrt(sum(variances))), float(np.sqrt(sum(plain)))
    mean_error, control_error = (float(np.sqrt(variance)) for variance in variances)
    return Difference(
        users, others, mean, control_mean, mean_error, control_error, error, lift, lift_error, plain_error
    )


def compute_influence(adjusted: Doubles, variant: NDArray[np.bool_], control: NDArray[np.bool_]) -> Doubles:
    """Compute how much each user moves the difference of means: `(users,)`, squares add up to its variance.

    Args:
        adjusted: `(users,)` from `adjust_by_covariates`.
        variant: `(users,)` mask.
        control: `(users,)` mask.
    """
    found = np.zeros(len(adjusted))
    for rows, sign in ((variant, 1.0), (control, -1.0)):
        count = int(rows.sum())
        if count:
            found[rows] = sign * (adjusted[rows] - adjusted[rows].mean()) / count
    return found


def correlate_looks(before: Doubles, after: Doubles) -> float:
    """Return the correlation of two looks at a difference: NaN where one of them has no spread.

    Args:
        before: `(users,)` influences at the earlier look.
        after: `(users and more,)` influences at the later look, of the same users first.
    """
    spread = float(np.sqrt((before @ before) * (after @ after)))
    return float(before @ after[: len(before)]) / spread if spread > 0 else float("nan")

"""The challenger's non-inferiority test against the champion, and superiority test against popularity.

Both compare NDCG of the same users by a paired bootstrap. The one-sided bounds hold with the configured risk.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from handpick.settings.gate import GateSettings
from handpick.stages.gate.sanity_checks import ModelResult
from models.evaluation.bootstrap import bootstrap_difference, bootstrap_intervals

ALL_USERS = "all"


def check_noninferiority(
    challenger: ModelResult,
    popularity: ModelResult,
    champion: ModelResult | None,
    settings: GateSettings,
    seed: int,
) -> tuple[list[str], list[dict[str, Any]]]:
    """Compare the challenger with the champion and with popularity, slice by slice.

    Against the champion: on each gated slice the one-sided paired bootstrap bound of the loss must stay
    within the margin, so that a challenger that is truly worse by the margin is promoted with at most the
    stated risk. Against popularity: over all users the bound must lie above 0, on the other slices above
    minus the slice margin.

    Args:
        challenger: Results of tonight's model.
        popularity: Results of the baseline.
        champion: Results of the champion, None where there is none.
        settings: Slices, margins, risk and resamples.
        seed: Seed of the bootstrap.

    Returns:
        The reasons against promotion, empty if there are none, and the metrics by slice.
    """
    reasons: list[str] = []
    table: list[dict[str, Any]] = []
    power = measure_power(challenger, champion or popularity, settings)
    for name in (ALL_USERS, *settings.slices):
        if name not in challenger.ndcg:
            continue
        users = np.flatnonzero(~np.isnan(challenger.ndcg[name]))
        # Small slices are reported but do not decide: their bounds are too wide to pass.
        is_gated = name == ALL_USERS or len(users) >= settings.min_slice_users
        row: dict[str, Any] = {"slice": name, "users": len(users), "gated": is_gated}
        table.append(row)
        if not len(users):
            continue
        own = challenger.ndcg[name][users]
        row["challenger"] = float(own.mean())
        for rival, other in (("champion", champion), ("popularity", popularity)):
            if other is None:
                continue
            theirs = other.ndcg[name][users]
            margin = _margin(rival, name, settings)
            # On a slice where a rival has next to no hits, a share of its NDCG would be no margin at all:
            # there the margin is a share of at least a quarter of the overall NDCG.
            overall = max(float(np.nanmean(one.ndcg[ALL_USERS])) for one in (challenger, other))
            scale = float(theirs.mean()) if name == ALL_USERS else max(float(theirs.mean()), overall / 4)
            bounds = bound_relative_gain(own, theirs, scale, settings, seed)
            if power.is_too_low:
                # The estimate itself against the champion: of two that look alike the fresh one is better.
                few = settings.model_copy(update={"risk": settings.risk_of_few})
                less = bound_relative_gain(own, theirs, scale, few, seed)
                bounds = bounds | {"low": less["value" if rival == "champion" else "low"]}
            row[rival] = float(theirs.mean())
            if rival == "champion" and name == ALL_USERS:
                # The pages show it beside the quality of nights whose own model was promoted.
                (around,) = bootstrap_intervals(theirs[:, None], settings.resamples, seed)
                row["champion_interval"] = [around.low, around.high]
            row[f"{rival}_gain"] = {**bounds, "must_exceed": -margin}
            if is_gated and not bounds["low"] > -margin:  # `not >`, so that NaN refuses
                reasons.append(
                    f"{name}: NDCG {own.mean():.4f} against the {rival}'s {theirs.mean():.4f} over "
                    f"{len(users):,} users: the difference may be {bounds['low']:+.1%} at "
                    f"{settings.risk_of_few if power.is_too_low else settings.risk:.0%} risk; more than "
                    f"{-margin:+.1%} is needed"
                )
    return reasons, table


class Power(NamedTuple):
    """What a test over all users can see.

    Args:
        users: Number of test users.
        detectable: Smallest true difference that is seen with 80 % probability, as a share of the rival's
            NDCG.
        is_too_low: Whether that is more than `gate.max_detectable`, or there are fewer than two users; False
            where the rival's NDCG is 0, of which no difference is a share.
    """

    users: int
    detectable: float
    is_too_low: bool


def measure_power(challenger: ModelResult, rival: ModelResult, settings: GateSettings) -> Power:
    """Return what the paired test of a challenger against a rival can see.

    By the normal approximation from the spread of the users' differences: (z of the risk + z of 80 %)
    standard errors of their mean.
    """
    own, theirs = challenger.ndcg[ALL_USERS], rival.ndcg[ALL_USERS]
    differences = (own - theirs)[~np.isnan(own)]
    users, scale = len(differences), float(np.nanmean(theirs))
    if users < 2 or scale <= 0:
        return Power(users, float("inf"), users < 2)
    error = float(differences.std(ddof=1)) / users**0.5
    normal = NormalDist()
    detectable = (normal.inv_cdf(1 - settings.risk) + normal.inv_cdf(0.8)) * error / scale
    return Power(users, detectable, detectable > settings.max_detectable)


def _margin(rival: str, name: str, settings: GateSettings) -> float:
    """Return the share by which the challenger may be worse; 0 against popularity over all users."""
    if name != ALL_USERS:
        return settings.slice_margin
    return settings.margin if rival == "champion" else 0.0


def bound_relative_gain(
    own: NDArray[np.float64], theirs: NDArray[np.float64], scale: float, settings: GateSettings, seed: int
) -> dict[str, float]:
    """Return the mean difference and its one-sided lower and upper bounds, as shares of `scale`.

    Args:
        own: `(users,)` NDCG of the challenger.
        theirs: `(users,)` NDCG of the rival for the same users.
        scale: What the bounds are divided by.
        settings: Risk and resamples.
        seed: Seed of the bootstrap.

    Returns:
        `value`, `low` and `high`; positive where the challenger is better.
    """
    # A two-sided interval with both tails of size `risk` holds the two one-sided bounds.
    bounds = bootstrap_difference(own, theirs, settings.resamples, seed, confidence=1 - 2 * settings.risk)
    if scale <= 1e-9:  # a rival without hits: any hit is an infinite gain, none is a tie
        sign = float(np.sign(bounds.value))
        return {"value": sign, "low": sign, "high": sign}
    return {"value": bounds.value / scale, "low": bounds.low / scale, "high": bounds.high / scale}

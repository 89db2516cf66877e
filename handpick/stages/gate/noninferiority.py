"""The challenger's non-inferiority test against the champion, and superiority test against popularity.

Both compare NDCG of the same users by a paired bootstrap. The one-sided bounds hold with the configured risk.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from handpick.settings.gate import GateSettings
from handpick.stages.gate.sanity_checks import ModelResult
from models.evaluation.bootstrap import bootstrap_difference

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
            row[rival] = float(theirs.mean())
            row[f"{rival}_gain"] = {**bounds, "must_exceed": -margin}
            if is_gated and not bounds["low"] > -margin:  # `not >`, so that NaN refuses
                reasons.append(
                    f"{name}: NDCG {own.mean():.4f} against the {rival}'s {theirs.mean():.4f} over "
                    f"{len(users):,} users: the difference may be {bounds['low']:+.1%} at "
                    f"{settings.risk:.0%} risk; more than {-margin:+.1%} is needed"
                )
    return reasons, table


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

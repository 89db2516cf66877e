"""Whether an experiment can be believed, and how long it still takes."""

from __future__ import annotations

from math import inf, isfinite

from scipy.stats import chisquare, norm

SUSPICIOUS = 0.001
"""Probability of the users' split below which the assignment or the log counts as broken."""
POWER = 0.8
"""Probability with which an effect is to be found."""


def compare_sample_ratio(users: list[int], shares: list[float]) -> float:
    """Return the probability of a split of users at least as uneven as this one (chi-square test).

    Args:
        users: Users of each variant.
        shares: Their declared shares.
    """
    total = sum(users)
    if not total:
        return 1.0
    whole = sum(shares)
    return float(chisquare(users, [total * share / whole for share in shares]).pvalue)


def compute_power(effect: float, error: float, bound: float) -> float:
    """Return the probability of finding an effect at the last look alone.

    Args:
        effect: The true effect.
        error: Standard error of its estimate then.
        bound: The bound then.
    """
    if not isfinite(error) or error <= 0:
        return 0.0
    return float(norm.sf(bound - effect / error) + norm.sf(bound + effect / error))


def estimate_days(effect: float, error: float, days: int, bound: float) -> float:
    """Estimate the days from the start after which an effect is found with `POWER`.

    Args:
        effect: The true effect.
        error: Standard error of its estimate by now.
        days: Days so far.
        bound: The bound at the end.

    Returns:
        Infinite where nothing is known yet.
    """
    if not isfinite(error) or error <= 0 or days < 1:
        return inf
    # Users and their outcomes come at an even pace, so the squared error falls with the days.
    return days * ((bound + float(norm.ppf(POWER))) * error / effect) ** 2

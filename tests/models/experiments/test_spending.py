"""Bounds for looking every day agree with published ones, and hold the risk in simulated experiments."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from models.experiments.differences import correlate_looks
from models.experiments.spending import compute_bounds, find_smallest_risk, run_clock, spend_risk


@pytest.mark.parametrize(
    ("risk", "published"),
    [
        # Lan and DeMets' bounds with O'Brien and Fleming's spending, five even looks, two-sided; R's ldbounds.
        (0.05, [4.8769, 3.3569, 2.6803, 2.2898, 2.0310]),
        (0.10, [4.2292, 2.8881, 2.2981, 1.9621, 1.7396]),
    ],
)
def test_bounds_are_the_published_ones(risk: float, published: list[float]) -> None:
    share = np.arange(1, 6) / 5
    bounds = compute_bounds(share * 123.0, spend_risk(share, risk))
    assert bounds == pytest.approx(published, abs=2e-3)


def test_one_look_is_the_usual_test() -> None:
    assert compute_bounds(np.array([7.0]), spend_risk(np.ones(1), 0.05)) == pytest.approx([1.96], abs=1e-3)


def test_daily_looks_hold_the_risk_whatever_the_pace() -> None:
    random = np.random.default_rng(3)
    share = np.arange(1, 29) / 28
    for clock in (share * 50, np.cumsum(random.uniform(0.2, 3.0, 28)), share**2 * 9):
        bounds = compute_bounds(clock, spend_risk(share, 0.05))
        steps = random.normal(size=(20_000, 28)) * np.sqrt(np.diff(clock, prepend=0.0))
        crossed = (np.abs(np.cumsum(steps, axis=1) / np.sqrt(clock)) > bounds).any(axis=1).mean()
        assert crossed == pytest.approx(0.05, abs=0.006)  # four standard errors


def test_a_look_without_news_is_none() -> None:
    share = np.arange(1, 5) / 4
    bounds = compute_bounds(np.array([0.0, 5.0, 5.001, 10.0]), spend_risk(share, 0.05))
    assert np.isinf(bounds).tolist() == [True, False, True, False]


def test_the_p_value_is_the_risk_at_which_a_bound_is_met() -> None:
    share = np.arange(1, 6) / 5
    clock = share * 10
    z = np.array([0.3, -1.0, 0.5, 2.6, 2.0])
    p_value = find_smallest_risk(z, clock, share)
    met = compute_bounds(clock, spend_risk(share, p_value))
    assert np.abs(z / met).max() == pytest.approx(1.0, abs=0.01)
    assert find_smallest_risk(np.zeros(5), clock, share) == 1.0


def test_the_clock_runs_by_the_correlation_of_looks() -> None:
    assert run_clock(np.array([np.nan, 0.0, 0.5, np.nan, 1.0])).tolist() == [0, 1, 4, 4, 4]


def test_the_clock_of_first_purchases_is_the_odds_of_having_bought() -> None:
    random = np.random.default_rng(4)
    day_bought = random.geometric(0.05, 100_000)
    share = np.array([(day_bought <= day).mean() for day in range(1, 11)])
    influences = [(day_bought <= day) - (day_bought <= day).mean() for day in range(1, 11)]
    correlation = [0.0, *(correlate_looks(*pair) for pair in itertools.pairwise(influences))]
    odds = share / (1 - share)
    assert run_clock(np.array(correlation)) == pytest.approx(odds / odds[0], rel=1e-6)

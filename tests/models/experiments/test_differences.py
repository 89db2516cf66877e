"""Differences of two groups: by the formulas, and with less noise where the past foretells the outcome."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.experiments.checks import compare_sample_ratio, compute_power, estimate_days
from models.experiments.differences import adjust_by_covariates, estimate_difference

COUNT = 400
GROUP = np.arange(COUNT) % 2


def test_a_plain_difference_is_by_the_formula() -> None:
    outcome = np.where(GROUP == 1, np.arange(COUNT) % 5 == 0, np.arange(COUNT) % 8 == 0).astype(float)
    found = estimate_difference(outcome, outcome, GROUP == 1, GROUP == 0)
    treated, control = outcome[GROUP == 1], outcome[GROUP == 0]
    assert (found.mean, found.control_mean) == (treated.mean(), control.mean())
    assert found.error == pytest.approx(np.sqrt(treated.var(ddof=1) / 200 + control.var(ddof=1) / 200))
    assert found.lift == pytest.approx(treated.mean() / control.mean() - 1)
    # The delta method for a ratio of independent means.
    relative = (treated.var(ddof=1) / treated.mean() ** 2 + control.var(ddof=1) / control.mean() ** 2) / 200
    assert found.lift_error == pytest.approx(np.sqrt(relative) * treated.mean() / control.mean())
    assert found.narrowing == 0


def test_the_interval_of_the_lift_leaves_out_0_where_that_of_the_difference_does() -> None:
    random = np.random.default_rng(8)
    outcome = np.where(GROUP == 1, random.random(COUNT) < 0.3, random.random(COUNT) < 0.2).astype(float)
    found = estimate_difference(outcome, outcome, GROUP == 1, GROUP == 0)
    edge = found.difference / found.error
    low, high = found.find_lift_interval(edge)
    assert low == pytest.approx(0, abs=1e-12)
    assert found.find_lift_interval(edge * 0.99)[0] > 0 > found.find_lift_interval(edge * 1.01)[0]
    assert low < found.lift < high
    assert np.isnan(found.find_lift_interval(1000.0)).all()  # the control's own mean may be 0


def test_a_covariate_narrows_by_its_correlation_and_leaves_the_effect() -> None:
    random = np.random.default_rng(5)
    group = np.arange(20_000) % 2
    before = random.normal(size=20_000)
    outcome = 3 + 0.8 * before + 0.6 * random.normal(size=20_000) + 0.05 * group  # correlation 0.8
    adjusted = adjust_by_covariates(outcome, before[:, None], group)
    found = estimate_difference(outcome, adjusted, group == 1, group == 0)
    assert found.narrowing == pytest.approx(1 - np.sqrt(1 - 0.8**2), abs=0.01)
    assert abs(found.difference - 0.05) < 4 * found.error
    assert adjusted.mean() == pytest.approx(outcome.mean())


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10**6), columns=st.integers(1, 6))
def test_the_adjustment_is_that_of_a_regression_with_a_mean_for_each_group(seed: int, columns: int) -> None:
    random = np.random.default_rng(seed)
    covariates = random.normal(size=(COUNT, columns)) * random.uniform(0.1, 100, columns)
    outcome = random.normal(size=COUNT) + covariates @ random.normal(size=columns)
    adjusted = adjust_by_covariates(outcome, covariates, GROUP)
    design = np.column_stack([GROUP == 0, GROUP == 1, covariates]).astype(float)
    expected, *_ = np.linalg.lstsq(design, outcome, rcond=None)
    found = estimate_difference(outcome, adjusted, GROUP == 1, GROUP == 0)
    assert found.difference == pytest.approx(expected[1] - expected[0], abs=1e-6)


def test_constant_and_equal_covariates_change_nothing() -> None:
    outcome = np.random.default_rng(1).normal(size=COUNT)
    one = np.arange(COUNT, dtype=float)[:, None]
    alone = adjust_by_covariates(outcome, one, GROUP)
    several = adjust_by_covariates(outcome, np.hstack([one, one, np.ones((COUNT, 1))]), GROUP)
    assert several == pytest.approx(alone)
    assert adjust_by_covariates(outcome, np.ones((COUNT, 1)), GROUP) is outcome


def test_few_users_have_no_difference() -> None:
    found = estimate_difference(np.ones(40), np.ones(40), np.arange(40) < 10, np.arange(40) >= 10)
    assert (found.users, found.control_users) == (10, 30)
    assert np.isnan(found.difference)


def test_a_broken_split_is_found() -> None:
    assert compare_sample_ratio([5000, 5100], [0.5, 0.5]) > 0.1
    assert compare_sample_ratio([5000, 5500], [0.5, 0.5]) < 0.001
    assert compare_sample_ratio([2000, 5000, 3000], [0.2, 0.5, 0.3]) == 1.0
    assert compare_sample_ratio([0, 0], [0.5, 0.5]) == 1.0


def test_power_and_days_are_those_of_the_normal_distribution() -> None:
    assert compute_power(2.8016, 1.0, 1.95996) == pytest.approx(0.8, abs=1e-3)
    assert compute_power(0.02, float("nan"), 2.0) == 0.0
    # An error that is twice too large needs four times the days.
    assert estimate_days(2.8016, 2.0, 7, 1.95996) == pytest.approx(28, rel=1e-3)

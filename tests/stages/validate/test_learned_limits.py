"""What is usual is learned from earlier nights, by weekday, and one odd night does not widen it."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from handpick.stages.validate.learned_limits import MIN_NIGHTS, learn_range, learn_upper_limit
from handpick.stages.validate.thresholds import is_far_from_usual

MONDAY = date(2026, 1, 5)


def simulate(nights: int, weekend: float = 1.0, seed: int = 1) -> tuple[list[date], list[float]]:
    rng = np.random.default_rng(seed)
    days = [MONDAY + timedelta(days=number) for number in range(nights)]
    rows = [1000 * (weekend if day.weekday() >= 5 else 1) * float(np.exp(rng.normal(0, 0.1))) for day in days]
    return days, rows


def test_too_few_nights_teach_nothing() -> None:
    days, rows = simulate(MIN_NIGHTS - 1)
    assert learn_range(days, rows, MONDAY, 0.01) is None
    assert learn_upper_limit(rows, 0.01) is None


def test_a_sunday_is_compared_with_sundays() -> None:
    days, rows = simulate(56, weekend=3.0)
    sunday, monday = MONDAY + timedelta(days=62), MONDAY + timedelta(days=56)
    on_sunday, on_monday = (learn_range(days, rows, day, 0.01) for day in (sunday, monday))
    assert on_sunday and on_monday and on_sunday.is_by_weekday
    assert on_sunday.low < 3000 < on_sunday.high < 4500
    assert on_monday.low < 1000 < on_monday.high < 1500


def test_one_odd_night_hardly_widens_the_range() -> None:
    days, rows = simulate(40)
    usual = learn_range(days, rows, MONDAY, 0.01)
    odd = learn_range(days, [*rows[:20], 20_000.0, *rows[21:]], MONDAY, 0.01)
    assert usual and odd
    assert odd.high < usual.high * 1.2


@pytest.mark.parametrize("risk", [0.01, 0.05])
def test_the_stated_risk_is_the_share_of_usual_nights_outside(risk: float) -> None:
    outside = 0
    for seed in range(400):
        days, rows = simulate(43, weekend=2.0, seed=seed)
        learned = learn_range(days[:-1], rows[:-1], days[-1], risk)
        assert learned
        outside += not learned.low <= rows[-1] <= learned.high
    assert outside / 400 == pytest.approx(risk, abs=3 * (risk / 400) ** 0.5)


def test_half_to_double_the_usual_never_stops_a_night() -> None:
    learned = learn_range(*simulate(56), MONDAY, 1e-4)
    assert learned
    assert not is_far_from_usual(600, learned) and not is_far_from_usual(1900, learned)
    assert is_far_from_usual(300, learned) and is_far_from_usual(5000, learned)

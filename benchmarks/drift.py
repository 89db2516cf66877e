"""Measures false alarms and power of the drift and volume limits on simulated shops whose truth is known."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np

from handpick.settings.drift import DriftSettings
from handpick.stages.report.drift.compare import Profile, measure_distances
from handpick.stages.report.drift.profiles import QUANTILES
from handpick.stages.validate.learned_limits import learn_range, learn_upper_limit
from handpick.stages.validate.thresholds import STOP_RISK, is_far_from_usual

WORLDS = ("plain", "weekday", "heavy", "slow")
"""Normal; others at weekends; Student's t with 3 degrees of freedom; a level that wanders slowly."""
DISTRIBUTIONS, NIGHTS, VOLUME_NIGHTS = 30, 150, 4000
FIRST = date(2026, 1, 5)


def simulate(world: str, nights: int, rng: np.random.Generator, shift: float = 0.0) -> list[Profile]:
    """Simulate the profiles of one distribution, shifted by so many deviations on the last night."""
    level = 0.0
    profiles: list[Profile] = []
    for number in range(nights):
        is_weekend = (FIRST + timedelta(days=number)).weekday() >= 5
        rows = int(400 * np.exp(rng.normal(0, 0.15))) * (2 if is_weekend else 1)
        level = 0.9 * level + rng.normal(0, 0.02) if world == "slow" else 0.0
        values = rng.standard_t(3, rows) if world == "heavy" else rng.normal(level, 1, rows)
        values += 0.3 * (is_weekend and world == "weekday") + shift * (number == nights - 1)
        quantiles = np.quantile(values, QUANTILES).tolist()
        profiles.append({"form": "numbers", "labels": [], "missing": 0.0, "values": quantiles})
    return profiles


def measure() -> dict[str, Any]:
    """Count nights with a false alarm, shifts that are found, and ordinary nights that volume would stop."""
    settings, rng = DriftSettings(), np.random.default_rng(7)
    window, measured = settings.nights, {}
    risk = 1 / settings.nights_per_false_alarm / DISTRIBUTIONS
    stated = 1 / settings.nights_per_false_alarm
    for world in WORLDS:
        alarms = np.zeros(NIGHTS, bool)
        single = 0
        for _ in range(DISTRIBUTIONS):
            distances, _ = measure_distances(simulate(world, 2 * window + NIGHTS, rng), window)
            for night in range(NIGHTS):
                place = len(distances) - NIGHTS + night
                past = distances[place - window : place].tolist()
                alarms[night] |= distances[place] > (learn_upper_limit(past, risk) or np.inf)
                single += distances[place] > (learn_upper_limit(past, stated) or np.inf)
        measured[f"{world}_nights_with_a_false_alarm"] = float(alarms.mean())
        measured[f"{world}_alarms_of_one_distribution"] = single / NIGHTS / DISTRIBUTIONS
    measured["worst_false_alarm_rate"] = max(
        measured[f"{world}_nights_with_a_false_alarm"] for world in WORLDS
    )
    measured["stated_false_alarm_rate"] = stated
    for shift in (0.2, 0.4):
        found = 0
        for _ in range(100):
            distances, _ = measure_distances(simulate("plain", 2 * window + 1, rng, shift), window)
            found += distances[-1] > (learn_upper_limit(distances[-1 - window : -1].tolist(), risk) or np.inf)
        measured[f"found_shifts_of_{shift:g}_deviations"] = found / 100
    measured.update(_measure_volume(rng))
    return measured


def _measure_volume(rng: np.random.Generator) -> dict[str, float]:
    """Count ordinary nights outside of the learned range, those that would stop, and thinned ones that do."""
    days = [FIRST + timedelta(days=number) for number in range(57)]
    outside = stopped = thin = 0
    for _ in range(VOLUME_NIGHTS):
        by_weekday = np.where([day.weekday() >= 5 for day in days], 1800, 900)
        rows = rng.poisson(by_weekday * np.exp(rng.normal(0, 0.15, len(days)))).astype(float)
        past, tonight = rows[:-1].tolist(), float(rows[-1])
        usual = learn_range(days[:-1], past, days[-1], 0.01)
        assert usual is not None
        outside += not usual.low <= tonight <= usual.high
        limits = learn_range(days[:-1], past, days[-1], STOP_RISK)
        assert limits is not None
        stopped += is_far_from_usual(tonight, limits)
        thin += is_far_from_usual(tonight * 0.3, limits)
    return {
        "volume_warnings_at_risk_0.01": outside / VOLUME_NIGHTS,
        "volume_false_stops": stopped / VOLUME_NIGHTS,
        "volume_thirds_that_stop": thin / VOLUME_NIGHTS,
    }

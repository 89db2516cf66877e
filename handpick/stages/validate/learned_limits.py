"""Limits of what is usual, learned from earlier nights, with a stated risk of a false alarm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

MIN_NIGHTS = 14
"""Fewer earlier nights teach nothing."""
WEEKDAY_NIGHTS = 28
"""From this many on each weekday has a level of its own."""
NORMAL_MAD = 1.4826
"""Standard deviation of a normal distribution by its median absolute deviation."""
WINSORIZED_AT, WINSORIZED_LOSS = 3.0, 0.985
"""Deviations beyond so many standard deviations are cut; what then is left of a normal one's."""
MIN_FREEDOM, MAX_CORRELATION = 3.0, 0.9

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class UsualRange:
    """What is usual on a night.

    Args:
        usual: The middle.
        low: Its lower end.
        high: Its upper end.
        nights: Earlier nights that it was learned from.
        is_by_weekday: Whether the night's weekday has a level of its own.
    """

    usual: float
    low: float
    high: float
    nights: int
    is_by_weekday: bool


def learn_range(
    days: Sequence[date], values: Sequence[float], tonight: date, risk: float, floor: float = 0.05
) -> UsualRange | None:
    """Learn the range of a positive number, such as rows or hours, from earlier nights.

    The logarithms are taken as a level, which each weekday has for itself where there are enough nights, and
    a deviation that is cut where it is extreme, so that one odd night does not widen the range. The range is
    the prediction interval of Student's t.

    Args:
        days: The earlier nights.
        values: Their numbers, 0 or more.
        tonight: The night that the range is for.
        risk: Probability with which a usual night lies outside.
        floor: Smallest standard deviation of the logarithm that is believed.

    Returns:
        None if there are fewer than `MIN_NIGHTS`.
    """
    if len(values) < MIN_NIGHTS:
        return None
    logs = np.log1p(np.asarray(values, np.float64))
    is_by_weekday = len(values) >= WEEKDAY_NIGHTS
    weekdays = np.array([day.weekday() for day in days])
    offsets = np.zeros(7)
    if is_by_weekday:
        for weekday in range(7):
            own = logs[weekdays == weekday]
            offsets[weekday] = np.median(own) - np.median(logs) if len(own) >= 2 else 0.0
    level, width = _predict(logs - offsets[weekdays], risk, 7 if is_by_weekday else 1, floor)
    level += offsets[tonight.weekday()]
    low, usual, high = np.expm1([level - width, level, level + width])
    return UsualRange(float(usual), max(0.0, float(low)), float(high), len(values), is_by_weekday)


def learn_upper_limit(values: Sequence[float], risk: float, smallest: float = 1e-6) -> float | None:
    """Learn the limit that a distance exceeds with a probability of `risk`; None below `MIN_NIGHTS`."""
    if len(values) < MIN_NIGHTS:
        return None
    logs = np.log(np.maximum(np.asarray(values, np.float64), smallest))
    level, width = _predict(logs, 2 * risk, 1, 0.1)
    return float(np.exp(level + width))


def _predict(values: Floats, risk: float, parameters: int, floor: float) -> tuple[float, float]:
    """Return the middle and half the width of the two-sided prediction interval of one more value.

    Neighbouring nights resemble one another, and then tell less than as many independent ones: their number
    is corrected by the correlation of neighbours.
    """
    from scipy import stats

    level = float(np.median(values))
    deviations = values - level
    rough = max(NORMAL_MAD * float(np.median(np.abs(deviations))), floor)
    cut = np.clip(deviations, -WINSORIZED_AT * rough, WINSORIZED_AT * rough)
    freedom = len(values) - parameters
    spread = float(np.sqrt((cut**2).sum() / freedom)) / WINSORIZED_LOSS
    centred = cut - cut.mean()
    power = float((centred**2).sum())
    correlation = float((centred[1:] * centred[:-1]).sum()) / power if power else 0.0
    correlation = min(max(correlation, 0.0), MAX_CORRELATION)
    effective = max(freedom * (1 - correlation) / (1 + correlation), MIN_FREEDOM)
    width = float(stats.t.ppf(1 - risk / 2, effective)) * np.sqrt(1 + 1 / effective)
    return level, float(width) * max(spread, floor)

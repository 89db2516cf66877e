"""The time split of a night's history into training, validation and test windows."""

from __future__ import annotations

from dataclasses import dataclass

from handpick.night import Night
from models.dataset import DAY_SECONDS


@dataclass(frozen=True)
class TimeSplit:
    """The ends of the three windows, in seconds since 1970 UTC.

    Args:
        train_end: Training events are before it.
        validation_end: Validation events are in `[train_end, validation_end)`.
        test_end: Test events are in `[validation_end, test_end)`; it is the end of the logical date.
    """

    train_end: int
    validation_end: int
    test_end: int


def compute_time_split(night: Night) -> TimeSplit:
    """Return the night's time split, counted back from the end of the logical date.

    The lengths of the windows are those of `[evaluate]`, in days.

    Args:
        night: Gives the settings and the logical date.
    """
    test_end = int(night.as_of.timestamp())
    validation_end = test_end - night.settings.evaluate.test_days * DAY_SECONDS
    return TimeSplit(
        validation_end - night.settings.evaluate.validation_days * DAY_SECONDS, validation_end, test_end
    )

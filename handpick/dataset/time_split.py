"""Where a night's history is cut into training, validation and test windows."""

from __future__ import annotations

from dataclasses import dataclass

from handpick.night import Night

DAY = 86_400


@dataclass(frozen=True)
class Windows:
    """Three moments, seconds since 1970 UTC.

    Training is everything before `train_end`, validation is `[train_end, validation_end)` and test is
    `[validation_end, test_end)`; `test_end` is the end of the logical date.
    """

    train_end: int
    validation_end: int
    test_end: int


def windows(night: Night) -> Windows:
    """The night's windows, in whole days of `[evaluate]` counted back from the end of the logical date."""
    test_end = int(night.as_of.timestamp())
    validation_end = test_end - night.settings.evaluate.test_days * DAY
    return Windows(validation_end - night.settings.evaluate.validation_days * DAY, validation_end, test_end)

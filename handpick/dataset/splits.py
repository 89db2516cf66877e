"""A night's evaluation splits: validation, which hyperparameters and blend weights are fitted on, and test, which the gate uses."""

from __future__ import annotations

from handpick.dataset.time_split import windows
from handpick.errors import NightStopped
from handpick.night import Night
from models.data import Dataset
from models.evaluation.split import Exam, exam

FEW = 20
"""Users that a window needs at least; metrics over fewer do not tell models apart."""


def validation_exam(night: Night, data: Dataset) -> Exam:
    """Return the evaluation split of the validation window; models fitted for selection have seen no event of it.

    Args:
        night: Gives settings and seed.
        data: The night's dataset.

    Raises:
        NightStopped: If too few users have events in the window.
    """
    cut = windows(night)
    return _require_users(
        night,
        exam(
            data.until(cut.validation_end),
            cut.train_end,
            cut.validation_end,
            trained_until=cut.train_end,
            launch_days=night.settings.evaluate.launch_days,
            most_users=night.settings.evaluate.most_users,
            seed=night.seed,
        ),
        "validation",
    )


def test_exam(night: Night, data: Dataset) -> Exam:
    """Return the evaluation split of the test window; its users are the same in every stage of a night.

    Args:
        night: Gives settings and seed.
        data: The night's dataset.

    Raises:
        NightStopped: If too few users have events in the window.
    """
    cut = windows(night)
    return _require_users(
        night,
        exam(
            data,
            cut.validation_end,
            cut.test_end,
            trained_until=cut.train_end,
            launch_days=night.settings.evaluate.launch_days,
            most_users=night.settings.evaluate.most_users,
            seed=night.seed,
        ),
        "test",
    )


def _require_users(night: Night, found: Exam, window: str) -> Exam:
    """Return the split, or stop the night where it has too few users."""
    if len(found.users) < FEW:
        raise NightStopped(
            f"Only {len(found.users)} users did something in the {window} window of {night.logical_date}; at least "
            f"{FEW} are needed to tell models apart. The lists published last stay; widen [evaluate] {window}_days."
        )
    return found

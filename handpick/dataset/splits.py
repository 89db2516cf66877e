"""The night's two exams: the validation window that weights are learned on, and the test window that decides."""

from __future__ import annotations

from handpick.dataset.time_split import windows
from handpick.errors import NightStopped
from handpick.night import Night
from models.data import Dataset
from models.evaluation.split import Exam, exam

FEW = 20
"""Users without whom a window says nothing."""


def validation_exam(night: Night, data: Dataset) -> Exam:
    """The window before the last, over all its users."""
    cut = windows(night)
    return _checked(
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
    """The last window; the same users for everyone who asks on the same night."""
    cut = windows(night)
    return _checked(
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


def _checked(night: Night, found: Exam, window: str) -> Exam:
    if len(found.users) < FEW:
        raise NightStopped(
            f"Only {len(found.users)} users did something in the {window} window of {night.logical_date}; at least "
            f"{FEW} are needed to tell models apart. The lists published last stay; widen [evaluate] {window}_days."
        )
    return found

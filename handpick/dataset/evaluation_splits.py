"""A night's evaluation splits: validation and test.

Hyperparameters and blend weights are chosen on the validation split; the gate uses the test split.
"""

from __future__ import annotations

from handpick.dataset.time_split import compute_time_split
from handpick.errors import NightStopped
from handpick.night import Night
from models.dataset import Dataset
from models.evaluation.split import EvaluationSplit, make_evaluation_split

MIN_USERS = 20
"""Minimum number of users of a window; metrics over fewer do not distinguish models."""


class TooFewUsers(NightStopped):
    """A window has too few users to compare models."""


def build_validation_split(night: Night, data: Dataset) -> EvaluationSplit:
    """Return the evaluation split of the validation window.

    Models fitted for selection have seen no event of it.

    Args:
        night: Gives settings and seed.
        data: The night's dataset.

    Raises:
        TooFewUsers: If too few users have events in the window.
    """
    cut = compute_time_split(night)
    return _require_users(
        night,
        make_evaluation_split(
            data.until(cut.validation_end),
            cut.train_end,
            cut.validation_end,
            trained_until=cut.train_end,
            launch_days=night.settings.evaluate.launch_days,
            max_users=night.settings.evaluate.max_users,
            seed=night.seed,
        ),
        "validation",
    )


def build_test_split(night: Night, data: Dataset) -> EvaluationSplit:
    """Return the evaluation split of the test window; its users are the same in every stage of a night.

    Args:
        night: Gives settings and seed.
        data: The night's dataset.

    Raises:
        TooFewUsers: If too few users have events in the window.
    """
    cut = compute_time_split(night)
    return _require_users(
        night,
        make_evaluation_split(
            data,
            cut.validation_end,
            cut.test_end,
            trained_until=cut.train_end,
            launch_days=night.settings.evaluate.launch_days,
            max_users=night.settings.evaluate.max_users,
            seed=night.seed,
        ),
        "test",
    )


def build_splits(night: Night, data: Dataset) -> tuple[EvaluationSplit, EvaluationSplit]:
    """Return the validation and the test split of a night.

    Args:
        night: Gives settings and seed.
        data: The night's dataset.

    Raises:
        TooFewUsers: If the night has too little history to compare models; says why.
    """
    return build_validation_split(night, data), build_test_split(night, data)


def _require_users(night: Night, found: EvaluationSplit, window: str) -> EvaluationSplit:
    """Return the split, or stop the night where it has too few users."""
    if len(found.users) < MIN_USERS:
        days = getattr(night.settings.evaluate, f"{window}_days")
        raise TooFewUsers(
            f"only {len(found.users)} users chose a phone on sale in the {days} days of the {window} window "
            f"of {night.logical_date}; at least {MIN_USERS} are needed to tell models apart: more customers "
            f"with events, or a longer window in [evaluate] {window}_days"
        )
    return found

"""The `train` stage: fits the recommender family and the fusion model, each for selection and for serving."""

from __future__ import annotations

from handpick.ledger.flows import StageResult
from handpick.night import Night


def run(night: Night) -> StageResult:
    """Write `models`: `family/` and `fusion/`, each with `selection/` and `serving/`, and `training.json`.

    Raises:
        MissingPartition: If an earlier stage has not run for this logical date.
        NightStopped: If there is too little history, or the fusion model's training cannot continue.
    """
    from handpick.dataset.load import load_dataset
    from handpick.stages.train.train_models import train_models

    return train_models(night, load_dataset(night))

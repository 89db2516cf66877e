"""Train: the collaborative family and the fusion model, each for selection and for serving."""

from __future__ import annotations

from handpick.ledger.flows import StageResult
from handpick.night import Night


def run(night: Night) -> StageResult:
    """Write `models`: `family/` and `fusion/`, each with `selection/` and `serving/`, and `training.json`."""
    from handpick.dataset.load import load_dataset
    from handpick.stages.train.stage import train

    return train(night, load_dataset(night))

"""The `evaluate` stage: measures members, hybrids and the oracle on the held-out test window, by slice."""

from __future__ import annotations

from handpick.ledger.flows import StageResult
from handpick.night import Night


def run(night: Night) -> StageResult:
    """Learn the blend on the validation split, measure all models on the test split, write `evaluation`."""
    from handpick.dataset.load import load_dataset
    from handpick.stages.evaluate.impressions import read_impressions
    from handpick.stages.evaluate.measurement import measure_models

    data = load_dataset(night)
    return measure_models(night, data, read_impressions(night, data))

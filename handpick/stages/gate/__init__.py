"""The `gate` stage: compares champion and challenger, and decides which model scores tonight's lists."""

from __future__ import annotations

from handpick.ledger.flows import StageResult
from handpick.night import Night


def run(night: Night) -> StageResult:
    """Decide which model scores, and store the decision with its reasons.

    Raises:
        MissingPartition: If the night was not trained and evaluated.
    """
    from handpick.dataset.load import load_dataset
    from handpick.stages.gate.promotion import decide_promotion

    return decide_promotion(night, load_dataset(night))

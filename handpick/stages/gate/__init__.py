"""The `gate` stage: compares champion and challenger, and decides which model scores tonight's lists."""

from __future__ import annotations

from handpick.ledger.flows import StageResult
from handpick.night import Night


def run(night: Night) -> StageResult:
    """Decide, store the decision with its reasons, and stop the night if no model may score.

    Raises:
        NightStopped: If the challenger is refused and there is no champion.
        MissingPartition: If the night was not trained and evaluated.
    """
    from handpick.dataset.load import load_dataset
    from handpick.stages.gate.promotion import decide_promotion

    return decide_promotion(night, load_dataset(night))

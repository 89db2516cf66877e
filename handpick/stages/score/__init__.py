"""Score: every user's list from tonight's champion, with rules, diversity and reasons."""

from __future__ import annotations

from handpick.ledger.flows import StageResult
from handpick.night import Night


def run(night: Night) -> StageResult:
    """Write `lists/recommendations`, `lists/similar_items` and `lists/popular_items`."""
    from handpick.stages.score.stage import score

    return score(night)

"""The score stage: every user's list by the night's champion, with rules, diversity and explanations."""

from __future__ import annotations

from handpick.ledger.flows import StageResult
from handpick.night import Night


def run(night: Night) -> StageResult:
    """Write `lists/recommendations`, `lists/similar_items` and `lists/popular_items`."""
    from handpick.stages.score.score_night import score_night

    return score_night(night)

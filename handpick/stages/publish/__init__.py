"""The publish stage: loads the night's lists as a new version, checks it, and makes it current."""

from __future__ import annotations

from handpick.ledger.flows import StageResult
from handpick.night import Night


def run(night: Night) -> StageResult:
    """Publish the night's lists; lists that are published already are not loaded again."""
    from handpick.stages.publish.publish import publish

    return publish(night)

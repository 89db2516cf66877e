"""`[score]`."""

from handpick.settings import Section


class ScoreSettings(Section):
    """Settings of `score`."""

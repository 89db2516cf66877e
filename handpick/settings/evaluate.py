"""`[evaluate]`."""

from handpick.settings import Section


class EvaluateSettings(Section):
    """Settings of `evaluate`."""

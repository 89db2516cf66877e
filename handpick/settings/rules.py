"""`[rules]`."""

from handpick.settings import Section


class RulesSettings(Section):
    """Settings of `rules`."""

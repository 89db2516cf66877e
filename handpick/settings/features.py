"""`[features]`."""

from handpick.settings import Section


class FeaturesSettings(Section):
    """Settings of `features`."""

"""`[transform]`."""

from handpick.settings import Section


class TransformSettings(Section):
    """Settings of `transform`."""

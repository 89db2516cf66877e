"""`[embed]`."""

from handpick.settings import Section


class EmbedSettings(Section):
    """Settings of `embed`."""

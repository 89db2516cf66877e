"""`[sources]`."""

from handpick.settings import Section


class SourcesSettings(Section):
    """Settings of `sources`."""

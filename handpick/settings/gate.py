"""`[gate]`."""

from handpick.settings import Section


class GateSettings(Section):
    """Settings of `gate`."""

"""`[validate]`."""

from handpick.settings import Section


class ValidateSettings(Section):
    """Settings of `validate`."""

"""The typed sections of `handpick.toml`, one file each; `handpick.settings.load` reads and combines them."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of the configuration, checked once and immutable afterwards.

    Unknown keys are errors.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

"""The typed sections of `handpick.toml`, one file each; `handpick.settings.load` reads and combines them."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of the configuration: unknown keys are errors, values are checked and then frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)

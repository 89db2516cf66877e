"""The typed sections of `handpick.toml`, one file each; `handpick.settings.load` reads and combines them."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of the configuration. Unknown keys are errors; values are checked once and cannot be changed afterwards."""

    model_config = ConfigDict(extra="forbid", frozen=True)

"""The typed sections of `handpick.toml`, one file each; `handpick.settings.load` reads and combines them."""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, SecretStr, field_validator


class Section(BaseModel):
    """A section of the configuration, checked once and immutable afterwards.

    Unknown keys are errors.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)

    @field_validator("*")
    @classmethod
    def _reject_null_characters(cls, value: Any) -> Any:
        """Reject texts and paths that hold a null character, which no file, server or column can have."""
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if isinstance(text, str | Path) and "\0" in str(text):
            raise ValueError("it holds a null character")
        return value

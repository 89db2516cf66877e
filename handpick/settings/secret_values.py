"""Keeps secret settings out of messages: those of other programs, and our own about an unusable value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel, SecretStr

from handpick.errors.safe_text import has_secret, register_secret


def register_secret_settings(settings: BaseModel) -> None:
    """Remember the values of all secret settings, so that no message shows them, whoever wrote it."""
    for value in _list_secrets(settings):
        # A server's address without a login is none.
        if "@" in value or has_secret(value) or not re.search("[:/=]", value):
            register_secret(value)


def _list_secrets(section: BaseModel) -> Iterator[str]:
    """Yield the values of the secret settings of a section and of those in it."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif isinstance(value, BaseModel):
            yield from _list_secrets(value)


def describe_rejected_value(settings: type[BaseModel], problem: Any) -> str:
    """Return ` (got ...)` for a value that was rejected, or nothing where it may be a secret.

    Args:
        settings: The class of all settings.
        problem: One of the errors of pydantic. The value of an unknown key is never shown: a misspelt key may
            have been meant for a DSN.
    """
    value = problem["input"]
    if problem["type"] == "extra_forbidden" or not isinstance(value, str | int | float | bool):
        return ""
    return "" if _is_secret(settings, problem["loc"]) else f" (got {value!r})"


def _is_secret(settings: type[BaseModel], place: Sequence[int | str]) -> bool:
    """Return whether a setting, or what contains it, is declared as secret."""
    section: Any = settings
    for part in place:
        field = section.model_fields.get(part) if hasattr(section, "model_fields") else None
        if field is None:
            return False
        if "SecretStr" in str(field.annotation):
            return True
        section = field.annotation
    return False

"""Errors about the environment variables of settings, `HANDPICK__SECTION__KEY`.

The messages name variables and never repeat their values, which may be secret.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from pydantic import BaseModel
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsError

from handpick.errors import ConfigurationError
from handpick.settings.renamed import DELIMITER, PREFIX


def check_variable_names(settings: type[BaseSettings]) -> None:
    """Check that every variable with the prefix of settings belongs to a section.

    Raises:
        ConfigurationError: If one does not; a misspelt section would be ignored otherwise.
    """
    known = {name.upper() for name in settings.model_fields}
    for name, section in _find_variables():
        if section not in known:
            raise ConfigurationError(
                f"{name}: there is no section or key {section.lower() or '(empty)'}; nothing was read or "
                "written. `handpick settings` lists all keys; correct the variable or unset it."
            )


def describe_unreadable_variable(settings: type[BaseSettings]) -> str:
    """Return the error message for the first variable that is no JSON where it must be."""
    source = EnvSettingsSource(settings)
    for name, section in _find_variables():
        source.env_vars = {name.lower(): os.environ[name]}
        try:
            source()
        except SettingsError:
            if name.upper() == PREFIX + section and _is_section(settings, section):
                return (
                    f"{name} sets a whole section, so it must be a JSON object, and is not; nothing was read "
                    f"or written. Set single keys, such as {_find_example(settings, section)}."
                )
            return (
                f'{name} must be JSON, such as ["a", "b"] or {{"a": "b"}}, and is not; nothing was read or '
                "written. Correct the variable or unset it."
            )
    return (
        "an environment variable that begins with HANDPICK__ cannot be read; `handpick settings` lists them."
    )


def _find_variables() -> Iterator[tuple[str, str]]:
    """Yield the names of the variables with the prefix and their section in capitals, sorted."""
    for name in sorted(os.environ):
        if name.upper().startswith(PREFIX):
            yield name, name.upper().removeprefix(PREFIX).split(DELIMITER, maxsplit=1)[0]


def _is_section(settings: type[BaseSettings], section: str) -> bool:
    """Return whether a name in capitals is a section's, and not a single key's."""
    return isinstance(settings.model_fields[section.lower()].default, BaseModel)


def _find_example(settings: type[BaseSettings], section: str) -> str:
    """Return the variable of a section's first key."""
    first = next(iter(type(settings.model_fields[section.lower()].default).model_fields))
    return f"{PREFIX}{section}{DELIMITER}{first.upper()}"

"""Finds and reads `handpick.toml`; whatever is wrong with the file as a whole is an error of one line."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Any

from handpick.errors import ConfigurationError

FILE_NAME = "handpick.toml"
FILE_VARIABLE = "HANDPICK_CONFIG"
FOREIGN_MARKS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00\xfe\xff": "UTF-32"}
"""First bytes of texts that are not UTF-8, as some editors save them."""


def find_configuration_file() -> Path:
    """Return `$HANDPICK_CONFIG`, or else the nearest `handpick.toml` from the working folder upwards.

    Where there is none, it is the path that the file would have in the working folder.

    Raises:
        ConfigurationError: If `$HANDPICK_CONFIG` is no file, or there is no working folder.
    """
    if FILE_VARIABLE in os.environ:
        named = os.environ[FILE_VARIABLE]
        # Never the defaults in place of a file that was named: they are another shop's. `os.path`, because
        # `Path.is_file` raises for names that are too long.
        if not os.path.isfile(named):  # noqa: PTH113
            kind = "is a folder" if os.path.isdir(named) else "does not exist"  # noqa: PTH112
            raise ConfigurationError(
                f"{FILE_VARIABLE} names {named or 'nothing'}, which {kind}; nothing was read or written. Set "
                f"it to the path of your {FILE_NAME}, or unset it to use the nearest one from the working "
                "folder upwards."
            )
        return Path(named)
    try:
        here = Path.cwd()
    except FileNotFoundError:
        raise ConfigurationError(
            f"the working folder does not exist any more, so no {FILE_NAME} can be looked for; nothing was "
            f"read or written. Change to an existing folder, or set {FILE_VARIABLE}."
        ) from None
    for folder in (here, *here.parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    return here / FILE_NAME


def require_configuration_file() -> Path:
    """Return the absolute path of the settings file.

    Raises:
        ConfigurationError: If there is none; commands that only read go on with the defaults then.
    """
    file = find_configuration_file().resolve()
    if not file.is_file():
        raise ConfigurationError(
            f"there is no {FILE_NAME} in {file.parent} or above, and Airflow's processes need one; nothing "
            f"was started. Change to the folder of your {FILE_NAME}, or make an empty one for the defaults."
        )
    return file


def read_file(file: Path) -> dict[str, Any]:
    """Return the content of the settings file; nothing where there is none.

    Raises:
        ConfigurationError: If it cannot be read, is not UTF-8 or is not TOML.
    """
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be read: {error.strerror}; nothing was read or written. See to it that this user "
            "may read it."
        ) from None
    try:
        # Some editors begin UTF-8 with a byte order mark, too.
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        encoding = next((name for mark, name in FOREIGN_MARKS.items() if content.startswith(mark)), None)
        found = f"it is {encoding}" if encoding else f"byte {error.start} is not"
        raise ConfigurationError(
            f"{file} is not UTF-8: {found}. No setting was read; save it as UTF-8."
        ) from None
    except (ValueError, RecursionError) as error:
        reason = (
            "it is nested too deeply" if isinstance(error, RecursionError) else " ".join(str(error).split())
        )
        # A file of UTF-16 without its mark decodes, and every other character is a null.
        hint = " It holds null characters: save it as UTF-8." if b"\x00" in content else ""
        raise ConfigurationError(f"{file} is not valid TOML: {reason}.{hint}") from None

"""Keeps a `dbt` that was started by hand from building another shop's warehouse than that of `handpick.toml`.

dbt-duckdb loads this module as a plugin (`dbt/profiles.yml`). dbt's profiles can read environment variables
but no settings file: without those variables they name the folders of an unchanged `handpick.toml`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.exceptions import DbtProfileError

from handpick.errors import HandpickError
from handpick.stages.warehouse.project import find_differing_folder


class Plugin(BasePlugin):
    """Stops dbt before its first statement where its default folders are not those of the settings."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:  # noqa: ARG002
        """Compare the folders.

        Raises:
            DbtProfileError: If they differ, or the settings cannot be read; nothing was built.
        """
        from handpick.settings.load import load

        if "HANDPICK_WAREHOUSE" in os.environ:  # by the stage, by `handpick env`, or on purpose
            return
        try:
            settings = load()
        except HandpickError as error:
            raise DbtProfileError(str(error)) from None
        path = None if self.creds is None else Path(self.creds.path)
        if differing := find_differing_folder(settings, path):
            raise DbtProfileError(differing)

"""Handpick: nightly batch recommendations for phone retailers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handpick.runtime.openmp import limit_openmp_spinning
from handpick.runtime.telemetry import disable_telemetry

if TYPE_CHECKING:
    from datetime import date

    from handpick.pipeline.notebook import OpenNight

# Before any submodule is imported: libraries read these variables while they are loaded.
disable_telemetry()
limit_openmp_spinning()


def open(day: date | str | None = None) -> OpenNight:
    """Open a night for a notebook: its tables, its lists, and its champion.

    Args:
        day: The logical date, as a date or as `YYYY-MM-DD`; the newest by default.

    Raises:
        InputError: If there is no such night.
    """
    # Imported here, as every command imports this package first.
    from handpick.pipeline.notebook import open_night

    return open_night(day)

"""Public interface of the transform stage: the names of its tables, and the engine's access to the lake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handpick.night import Night
from handpick.stages.transform import CLEAN_TABLES

if TYPE_CHECKING:
    from handpick.runtime.dataframes import Engine
    from handpick.stages.transform.lake_tables import LakeTables

__all__ = ["CLEAN_TABLES", "open_tables"]


def open_tables(night: Night, engine: Engine) -> LakeTables:
    """Return the engine's access to the lake as of one night."""
    # Imported here: stages that only need the names of the tables do not wait for the engine's modules.
    from handpick.stages.transform.lake_tables import LakeTables

    return LakeTables(engine, night.lake, night.logical_date, night.settings.transform.rows_per_file)

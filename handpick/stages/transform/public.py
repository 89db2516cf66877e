"""Public interface of the transform stage: names of its tables, access to the lake, the reader of specs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handpick.night import Night
from handpick.stages.transform import CLEAN_TABLES
from handpick.stages.transform.specs import load_sheet, read_specs

if TYPE_CHECKING:
    from handpick.runtime.dataframes import Engine
    from handpick.stages.transform.lake_tables import LakeTables

__all__ = ["CLEAN_TABLES", "load_sheet", "open_tables", "read_specs"]


def open_tables(night: Night, engine: Engine) -> LakeTables:
    """Return the engine's access to the lake as of one night."""
    # Imported here: stages that only need the names of the tables do not wait for the engine's modules.
    from handpick.stages.transform.lake_tables import LakeTables

    return LakeTables(engine, night.lake, night.logical_date, night.settings.transform.rows_per_file)

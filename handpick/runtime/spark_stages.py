"""Which stages of a night run on Spark, by the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from handpick.pipeline.registry import list_nightly_stages
from handpick.runtime.dataframes import choose_engine

if TYPE_CHECKING:
    from handpick.settings.load import Settings


def list_spark_stages(settings: Settings) -> list[str]:
    """Return the stages of a night that use Spark, in the night's order; empty where none does."""
    found = []
    for stage in list_nightly_stages():
        if stage.engine_setting is None:
            continue
        section, key = stage.engine_setting.split(".")
        chosen = getattr(getattr(settings, section), key)
        if (choose_engine(settings) if chosen == "auto" else chosen) == "spark":
            found.append(stage.name)
    return found

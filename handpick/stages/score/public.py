"""What later stages may import from `score`: the tables of its lists, and a night's models as an object."""

from handpick.stages.score.list_tables import LIST_TABLES
from handpick.stages.score.night_model import NightModel

__all__ = ["LIST_TABLES", "NightModel"]

"""What later stages may import from `score`: the tables of its lists."""

from handpick.stages.score.list_tables import LIST_TABLES

__all__ = ["LIST_TABLES"]

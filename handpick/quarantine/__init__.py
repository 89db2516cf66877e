"""Quarantined rows, which broke their contract: count, select, export and release them into a later night."""

from handpick.quarantine.release import release_selection
from handpick.quarantine.selection import Selection, count_reasons, select_rows

__all__ = ["Selection", "count_reasons", "release_selection", "select_rows"]

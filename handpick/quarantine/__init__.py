"""Quarantined rows, which broke their contract: count, select, export and release them into a later night."""

from handpick.quarantine.release import release
from handpick.quarantine.rows import Selection, counts, select

__all__ = ["Selection", "counts", "release", "select"]

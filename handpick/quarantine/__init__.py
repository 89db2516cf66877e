"""Rows that broke their contract: looked at, mended and released into a later night."""

from handpick.quarantine.release import release
from handpick.quarantine.rows import Selection, counts, select

__all__ = ["Selection", "counts", "release", "select"]

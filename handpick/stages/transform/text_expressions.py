"""Native expressions that clean free text."""

from __future__ import annotations

from handpick.runtime.dataframes import Column, F


def clean_text(text: Column) -> Column:
    """Trim a text and collapse repeated and non-breaking blanks; null where nothing is left."""
    clean = F.trim(F.regexp_replace(text, "[\\s\u00a0\u202f]+", " "))
    return F.when(clean != "", clean)

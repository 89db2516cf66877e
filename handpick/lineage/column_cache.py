"""Cache of column lineage per query, next to dbt's manifest: sqlglot is slow, and queries seldom change."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from handpick.lake.kept_facts import read_kept_facts, write_kept_facts

ColumnTrace = dict[str, list[tuple[str, str]]]
"""For each column of a query, the tables and columns that it is derived from."""
DATE_PATTERN = re.compile(r"\d{4}-\d{2}-\d{2}")
"""Left out of cache keys: compiled queries contain the night's date, which does not change their lineage."""
FORMAT_VERSION = 1
"""Raise it when queries are traced differently: cached results of other versions are then ignored."""


class TraceCache:
    """Traces of this build's queries, taken from the file of the last build where they have not changed.

    Args:
        file: The cache; it need not exist.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._last: dict[str, Any] = read_kept_facts(file)
        self._used: dict[str, ColumnTrace] = {}

    def get_or_compute(self, query: str, parents: list[Any], trace: Callable[[], ColumnTrace]) -> ColumnTrace:
        """Return the trace of one query; computed only if the last build had another query or other parents.

        Args:
            query: The compiled SQL.
            parents: Names and columns of the tables that it reads, as JSON types.
            trace: Computes the trace.
        """
        known = json.dumps([FORMAT_VERSION, version("sqlglot"), DATE_PATTERN.sub("", query), parents])
        key = hashlib.sha256(known.encode()).hexdigest()
        if key in self._last:
            pairs: dict[str, list[list[str]]] = self._last[key]
            self._used[key] = {
                column: [(table, name) for table, name in made] for column, made in pairs.items()
            }
        else:
            self._used[key] = trace()
        return self._used[key]

    def save(self) -> None:
        """Write the traces used by this build to the file, and drop others."""
        if self._used.keys() != self._last.keys():
            write_kept_facts(self._file, self._used)

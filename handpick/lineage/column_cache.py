"""What the columns of queries are made of, kept beside the manifest: sqlglot takes longest, and queries seldom change."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

Trace = dict[str, list[tuple[str, str]]]
"""Tables and columns that each column of a query is made of."""
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
"""The night's date stands in its queries, and no column is made of another one because of it."""
WAY = 1
"""To be raised when queries are traced in another way; what was kept before counts no longer."""


class Traces:
    """The traces of this night's queries, and from a file those of the last build, if there was one."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._last: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {}
        self._asked: dict[str, Trace] = {}

    def of(self, query: str, parents: list[Any], trace: Callable[[], Trace]) -> Trace:
        """The trace of one query; worked out only if the last build had another query or other parents."""
        known = json.dumps([WAY, version("sqlglot"), DATE.sub("", query), parents])
        key = hashlib.sha256(known.encode()).hexdigest()
        if key in self._last:
            pairs: dict[str, list[list[str]]] = self._last[key]
            self._asked[key] = {
                column: [(table, name) for table, name in made] for column, made in pairs.items()
            }
        else:
            self._asked[key] = trace()
        return self._asked[key]

    def keep(self) -> None:
        """Leave in the file what was asked for, and no more."""
        if self._asked.keys() != self._last.keys():
            staged = self._file.with_suffix(".tmp")
            staged.write_text(json.dumps(self._asked))
            staged.replace(self._file)

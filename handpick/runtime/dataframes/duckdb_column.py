"""Columns of the embedded engine: PySpark's `Column`, `Window` and `WindowSpec` as DuckDB's SQL text.

Only what the transforms and the contracts' row rules use is here, with Spark's meaning: nulls sort first in
ascending order, division is never integral, a failed `try_cast` is null. `duckdb_functions` has the rest.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, ClassVar

from handpick.runtime.dataframes.java_patterns import translate_to_re2

TYPES = {
    "string": "VARCHAR",
    "double": "DOUBLE",
    "int": "INTEGER",
    "long": "BIGINT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
}
"""DuckDB's names of Spark's types."""


def quote_name(name: str) -> str:
    """Quote a name as DuckDB's SQL; `one.item_id` is the field `item_id` of `one`."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))


def write_literal(value: Any) -> str:
    """Write a Python value as a literal of DuckDB's SQL.

    Raises:
        TypeError: If the value has no literal.
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        # A number with a point would be a decimal.
        return f"{value!r}::DOUBLE" if math.isfinite(value) else f"'{value!r}'::DOUBLE"
    if isinstance(value, str):
        return _write_text(value)
    if isinstance(value, datetime):
        return f"TIMESTAMPTZ '{value.astimezone(UTC).strftime('%Y-%m-%d %H:%M:%S.%f')}+00'"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    raise TypeError(f"{type(value).__name__} {value!r} has no SQL literal")


def _write_text(text: str) -> str:
    """Write a text as a literal; the parser takes no NUL, which is therefore joined by its number."""
    parts = ["'" + part.replace("'", "''") + "'" for part in text.split("\x00")]
    return parts[0] if len(parts) == 1 else "(" + " || chr(0) || ".join(parts) + ")"


class Column:
    """An expression, with the name that its result has.

    Args:
        sql: The expression in DuckDB's SQL.
        name: Name of the result; empty where nothing names it.
    """

    def __init__(self, sql: str, name: str = "") -> None:
        self.sql, self.name = sql, name

    def alias(self, name: str) -> Column:
        """Name the result."""
        return Column(self.sql, name)

    def cast(self, kind: str) -> Column:
        """Cast to a type, by Spark's name; fails for values that the type cannot hold.

        A double is cut to an int, as in Spark, and rounded half up to a decimal; a cast to `long` is meant
        for whole numbers.
        """
        if kind == "int":
            return Column(f"CAST(trunc(CAST({self.sql} AS DOUBLE)) AS INTEGER)", self.name)
        if kind.startswith("decimal"):
            # By way of the shortest text, as Spark does: 1.005 becomes 1.01, although the double is below.
            return Column(f"CAST(CAST({self.sql} AS VARCHAR) AS {kind})", self.name)
        return Column(f"CAST({self.sql} AS {TYPES[kind]})", self.name)

    def try_cast(self, kind: str) -> Column:
        """Cast a text to a type, by Spark's name and Spark's reading; null where it cannot be read."""
        return Column(f"spark_{kind}({self.sql})", self.name)

    def over(self, window: WindowSpec) -> Column:
        """Evaluate an aggregate or a window function over a window."""
        return Column(f"{self.sql} OVER ({window.sql})", self.name)

    def desc(self) -> Column:
        """Sort in descending order, nulls last."""
        return _Ordered(f"{self.sql} DESC NULLS LAST")

    def isNull(self) -> Column:
        """Return whether the value is null."""
        return Column(f"({self.sql} IS NULL)")

    def isNotNull(self) -> Column:
        """Return whether the value is not null."""
        return Column(f"({self.sql} IS NOT NULL)")

    def eqNullSafe(self, other: Any) -> Column:
        """Return whether two values are equal; two nulls are."""
        return Column(f"({self.sql} IS NOT DISTINCT FROM {write(other)})")

    def isin(self, *choices: Any) -> Column:
        """Return whether the value is one of some."""
        return Column(f"({self.sql} IN ({', '.join(map(write, choices))}))")

    def startswith(self, start: Any) -> Column:
        """Return whether a text starts with another."""
        return Column(f"starts_with({self.sql}, {write(start)})")

    def contains(self, part: Any) -> Column:
        """Return whether a text contains another."""
        return Column(f"contains({self.sql}, {write(part)})")

    def rlike(self, pattern: str) -> Column:
        """Return whether a Java regular expression matches anywhere in a text."""
        return Column(f"regexp_matches({self.sql}, {write_literal(translate_to_re2(pattern))})")

    def __getitem__(self, key: Any) -> Column:
        """Return the field of a struct or the value of a map."""
        return Column(f"({self.sql})[{write(key)}]", str(key))

    def __invert__(self) -> Column:
        return Column(f"(NOT {self.sql})")

    def _join(self, operator: str, other: Any) -> Column:
        return Column(f"({self.sql} {operator} {write(other)})")

    def __and__(self, other: Any) -> Column:
        return self._join("AND", other)

    def __or__(self, other: Any) -> Column:
        return self._join("OR", other)

    def __eq__(self, other: object) -> Column:  # type: ignore[override]
        return self._join("=", other)

    def __ne__(self, other: object) -> Column:  # type: ignore[override]
        return self._join("<>", other)

    __hash__ = None  # type: ignore[assignment]

    def __lt__(self, other: Any) -> Column:
        return self._join("<", other)

    def __le__(self, other: Any) -> Column:
        return self._join("<=", other)

    def __gt__(self, other: Any) -> Column:
        return self._join(">", other)

    def __ge__(self, other: Any) -> Column:
        return self._join(">=", other)

    def __add__(self, other: Any) -> Column:
        return self._join("+", other)

    def __sub__(self, other: Any) -> Column:
        return self._join("-", other)

    def __mul__(self, other: Any) -> Column:
        return self._join("*", other)

    def __truediv__(self, other: Any) -> Column:
        return self._join("/", other)

    def __bool__(self) -> bool:
        raise TypeError("a column has no truth value: join conditions with &, | and ~")


class _Ordered(Column):
    """A column with its direction, for `orderBy`."""


class Case(Column):
    """A column that `duckdb_functions.when` began.

    Args:
        branches: Conditions and values as SQL, in order.
    """

    def __init__(self, branches: Sequence[tuple[str, str]]) -> None:
        super().__init__(_write_case(branches, None))
        self.branches = tuple(branches)

    def when(self, condition: Column, value: Any) -> Case:
        """Add a branch."""
        return Case([*self.branches, (condition.sql, write(value))])

    def otherwise(self, value: Any) -> Column:
        """Give the value of all other rows."""
        return Column(_write_case(self.branches, write(value)))


def _write_case(branches: Sequence[tuple[str, str]], other: str | None) -> str:
    parts = [f"WHEN {condition} THEN {value}" for condition, value in branches]
    return f"(CASE {' '.join(parts)}{'' if other is None else f' ELSE {other}'} END)"


def write(value: Any) -> str:
    """Write a column or a Python value as SQL."""
    return value.sql if isinstance(value, Column) else write_literal(value)


def write_named(value: Column | str) -> str:
    """Write a column, or the name of one, as SQL."""
    return value.sql if isinstance(value, Column) else quote_name(value)


@dataclass(frozen=True)
class WindowSpec:
    """The partition, the order and the frame of a window, as SQL."""

    partition: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    frame: str = ""

    def partitionBy(self, *columns: Column | str) -> WindowSpec:
        """Set the partition."""
        return replace(self, partition=tuple(map(write_named, columns)))

    def orderBy(self, *columns: Column | str) -> WindowSpec:
        """Set the order: ascending with nulls first, except for columns that say otherwise."""
        return replace(self, order=tuple(map(write_order, columns)))

    def rowsBetween(self, start: int, end: int) -> WindowSpec:
        """Set the frame, in rows before (negative) and after the current one."""
        return replace(self, frame=f"ROWS BETWEEN {_write_bound(start)} AND {_write_bound(end)}")

    @property
    def sql(self) -> str:
        """The window as SQL, without the parentheses."""
        parts = [f"PARTITION BY {', '.join(self.partition)}"] if self.partition else []
        parts += [f"ORDER BY {', '.join(self.order)}"] if self.order else []
        return " ".join([*parts, self.frame]).strip()


class Window:
    """Begins windows, as PySpark's class of that name."""

    unboundedPreceding: ClassVar[int] = -sys.maxsize
    unboundedFollowing: ClassVar[int] = sys.maxsize
    currentRow: ClassVar[int] = 0

    @staticmethod
    def partitionBy(*columns: Column | str) -> WindowSpec:
        """Return a window with a partition."""
        return WindowSpec().partitionBy(*columns)

    @staticmethod
    def orderBy(*columns: Column | str) -> WindowSpec:
        """Return a window with an order."""
        return WindowSpec().orderBy(*columns)


def write_order(column: Column | str) -> str:
    """Write a column with its direction as SQL."""
    sql = write_named(column)
    return sql if isinstance(column, _Ordered) else f"{sql} ASC NULLS FIRST"


def _write_bound(rows: int) -> str:
    if rows == 0:
        return "CURRENT ROW"
    side = "PRECEDING" if rows < 0 else "FOLLOWING"
    return f"UNBOUNDED {side}" if abs(rows) >= sys.maxsize else f"{abs(rows)} {side}"

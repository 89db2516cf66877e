"""Data frames of the embedded engine: PySpark's `DataFrame` as far as it is used, as DuckDB's SQL text.

Each step is a query over the one before, so that the text grows with the steps and nothing runs before
`toArrow`, `cache` or a write. DuckDB's optimizer merges the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from handpick.runtime.dataframes.duckdb_column import Column, quote_name
from handpick.runtime.dataframes.duckdb_functions import col

if TYPE_CHECKING:
    import pyarrow as pa

    from handpick.runtime.dataframes.duckdb_engine import DuckDBEngine


@dataclass(frozen=True)
class DataFrame:
    """Rows that a query would give.

    Args:
        engine: The engine that runs the query.
        source: The query's FROM clause.
        columns: Names of the columns, in order.
        conditions: Conditions of the query's WHERE clause.
        name: The name under which a join may refer to these rows.
        release: Drops the rows, where `cache` kept them.
    """

    engine: DuckDBEngine
    source: str
    columns: list[str]
    conditions: tuple[str, ...] = ()
    name: str = ""
    release: Callable[[], None] = field(default=lambda: None, compare=False)

    def _query(self, selected: Sequence[str], tail: str = "") -> str:
        where = f" WHERE {' AND '.join(self.conditions)}" if self.conditions else ""
        return f"SELECT {', '.join(selected)} FROM {self.source}{where}{tail}"  # noqa: S608 - names are quoted, values are literals

    def _nest(self, query: str, columns: Sequence[str]) -> DataFrame:
        return DataFrame(self.engine, f"({query}) AS step", list(columns))

    @property
    def sql(self) -> str:
        """The query of all columns."""
        return self._query([quote_name(name) for name in self.columns])

    def select(self, *columns: Column | str) -> DataFrame:
        """Compute columns; `*` stands for all that there are."""
        chosen: list[Column] = []
        for one in columns:
            if one == "*" if isinstance(one, str) else one.sql == "*":
                chosen += [col(name) for name in self.columns]
            else:
                chosen.append(one if isinstance(one, Column) else col(one))
        query = self._query([f"{one.sql} AS {quote_name(one.name)}" for one in chosen])
        return self._nest(query, [one.name for one in chosen])

    def withColumns(self, columns: Mapping[str, Column]) -> DataFrame:
        """Add columns, or replace those of the same name; none sees another's new value."""
        kept = [columns[name].alias(name) if name in columns else col(name) for name in self.columns]
        added = [column.alias(name) for name, column in columns.items() if name not in self.columns]
        return self.select(*kept, *added)

    def withColumn(self, name: str, column: Column) -> DataFrame:
        """Add one column, or replace the one of that name."""
        return self.withColumns({name: column})

    def drop(self, *names: str) -> DataFrame:
        """Leave out columns."""
        return self.select(*(name for name in self.columns if name not in names))

    def where(self, condition: Column | str) -> DataFrame:
        """Keep the rows for which a condition holds, a column or standard SQL."""
        sql = condition.sql if isinstance(condition, Column) else f"({condition})"
        return replace(self, conditions=(*self.conditions, sql))

    def distinct(self) -> DataFrame:
        """Keep one of equal rows."""
        return self._nest(self.sql.replace("SELECT", "SELECT DISTINCT", 1), self.columns)

    def alias(self, name: str) -> DataFrame:
        """Name the rows, so that a join can refer to them."""
        return replace(self._nest(self.sql, self.columns), name=name)

    def repartition(self, *_: Any) -> DataFrame:
        """Return the frame: there is one partition."""
        return self

    def unionByName(self, other: DataFrame, allowMissingColumns: bool = False) -> DataFrame:
        """Append another frame's rows, columns matched by name.

        Args:
            other: The other frame.
            allowMissingColumns: Whether columns that one of them lacks are null there.
        """
        names = [*self.columns, *(name for name in other.columns if name not in self.columns)]
        if not allowMissingColumns and set(self.columns) != set(other.columns):
            raise ValueError(f"the columns differ: {self.columns}, {other.columns}")
        return self._nest(f"{self.sql} UNION ALL BY NAME {other.sql}", names)

    def groupBy(self, *columns: Column | str) -> Groups:
        """Group the rows by columns."""
        return Groups(self, [one if isinstance(one, Column) else col(one) for one in columns])

    def join(self, other: DataFrame, on: str | list[str] | Column, how: str = "inner") -> DataFrame:
        """Join another frame's rows.

        Args:
            other: The other frame.
            on: Names of the columns that are equal, or a condition on two frames that have aliases; the
                result of the latter keeps them.
            how: `inner`, `left` or `left_anti`.
        """
        kind = {"inner": "JOIN", "left": "LEFT JOIN", "left_anti": "ANTI JOIN"}[how]
        if isinstance(on, Column):
            source = (
                f"({self.sql}) AS {quote_name(self.name)} {kind} ({other.sql}) AS {quote_name(other.name)}"
            )
            return DataFrame(self.engine, f"{source} ON {on.sql}", [])
        keys = [on] if isinstance(on, str) else on
        equal = " AND ".join(f"one.{quote_name(key)} = two.{quote_name(key)}" for key in keys)
        mine = [*keys, *(name for name in self.columns if name not in keys)]
        theirs = [] if how == "left_anti" else [name for name in other.columns if name not in keys]
        selected = [f"one.{quote_name(name)}" for name in mine] + [
            f"two.{quote_name(name)}" for name in theirs
        ]
        query = (
            f"SELECT {', '.join(selected)} FROM ({self.sql}) AS one {kind} ({other.sql}) AS two ON {equal}"  # noqa: S608 - names are quoted
        )
        return self._nest(query, [*mine, *theirs])

    def cache(self) -> DataFrame:
        """Compute the rows now and keep them until `unpersist`."""
        return self.engine.keep(self)

    def unpersist(self) -> DataFrame:
        """Drop the rows that `cache` kept."""
        self.release()
        return self

    def toArrow(self) -> pa.Table:
        """Run the query and return its rows, in no particular order."""
        return self.engine.run(self.sql)


@dataclass(frozen=True)
class Groups:
    """Rows grouped by columns."""

    frame: DataFrame
    keys: list[Column]

    def agg(self, *aggregates: Column) -> DataFrame:
        """Compute aggregates of each group."""
        columns = [*self.keys, *aggregates]
        places = ", ".join(str(place) for place in range(1, len(self.keys) + 1))
        query = self.frame._query(
            [f"{one.sql} AS {quote_name(one.name)}" for one in columns], f" GROUP BY {places}"
        )
        return self.frame._nest(query, [one.name for one in columns])

"""Walks from a column to the columns it is made of, down to the landing files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from handpick.errors import HandpickError
from handpick.lineage.dbt_columns import Models
from handpick.lineage.declared import DECLARED
from handpick.serving.relations import RELATIONS

WHOLE = "="


class UnknownColumn(HandpickError):
    """A column that no stage declares and no dbt model has."""


@dataclass(frozen=True)
class Column:
    """One column of one table; the column `=` is the table as a whole."""

    table: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Column:
        """`table.column`, where the table may hold dots and slashes."""
        table, _, name = text.rpartition(".")
        return cls(table, name)

    def __str__(self) -> str:
        return self.table if self.name == WHOLE else f"{self.table}.{self.name}"


@dataclass(frozen=True)
class Step:
    """One line of a walk.

    Args:
        depth: How far from the column that was asked for.
        column: What is made.
        stage: What makes it; empty for a landing file.
        is_repeated: Its own inputs are shown above.
    """

    depth: int
    column: Column
    stage: str
    is_repeated: bool


class Graph:
    """Declared inputs of the stages, and dbt's models where its manifest is there."""

    def __init__(self, models: Models) -> None:
        self._models = models
        self._makers = {table: stage for stage, tables in DECLARED.items() for table in tables}

    def maker(self, column: Column) -> str:
        """The stage that makes a column; empty for a landing file, and for a mart that dbt has not built."""
        return self._makers.get(column.table) or ("warehouse" if column.table in self._models else "")

    def inputs(self, column: Column) -> tuple[Column, ...]:
        """What a column is made of, in declared order; a whole table is made of what its columns are made of.

        Raises:
            UnknownColumn: If no stage makes it.
        """
        stage = self.maker(column)
        if stage == "warehouse":
            return tuple(Column(*pair) for pair in self._models.inputs(column.table, column.name))
        if not stage:
            if column.table.startswith("landing/") or column.table.startswith("marts/"):
                return ()
            known = ", ".join(sorted(table for table in self._makers if table.startswith("serving.")))
            raise UnknownColumn(
                f"no stage makes {column}; walks can begin at {known} or any table of the lake."
            )
        return tuple(dict.fromkeys(_resolved(DECLARED[stage][column.table], column.name)))

    def walk(self, start: Column) -> Iterator[Step]:
        """The column and, below each, what it is made of; what was shown once is not opened again."""
        seen: set[Column] = set()

        def descend(column: Column, depth: int) -> Iterator[Step]:
            repeated = column in seen
            seen.add(column)
            inputs = () if repeated else self.inputs(column)
            yield Step(depth, column, self.maker(column), repeated and bool(self.inputs(column)))
            for source in inputs:
                yield from descend(source, depth + 1)

        return descend(start, 0)


def check_served(table: str, column: str) -> None:
    """Nothing, for a column that consumers can read.

    Raises:
        UnknownColumn: If the table is a served one that has no such column.
    """
    relation = next((one for one in RELATIONS if f"serving.{one.name}" == table), None)
    if relation and column not in (*relation.column_names, WHOLE):
        raise UnknownColumn(f"{table} has no column {column!r}; it has {', '.join(relation.column_names)}.")


def _resolved(columns: Mapping[str, tuple[str, ...]], name: str) -> Iterator[Column]:
    declared = (
        [source for inputs in columns.values() for source in inputs]
        if name == WHOLE
        else columns.get(name, columns.get("*", ()))
    )
    for text in declared:
        source = Column.parse(text)
        yield Column(source.table, name) if source.name == "*" else source

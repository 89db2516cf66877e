"""Walks from a column to the columns that it is derived from, down to the landing files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from handpick.errors import HandpickError
from handpick.lineage.dbt_columns import WHOLE, Models
from handpick.lineage.declared import DBT_TABLES, declared_tables
from handpick.pipeline.registry import STAGES, writer_of
from handpick.serving.relations import RELATIONS

_READ_AS_A_WHOLE = {read for stage in STAGES for read in stage.reads}


class UnknownColumn(HandpickError):
    """A column that no stage declares and no dbt model has."""


@dataclass(frozen=True)
class Column:
    """One column of one table.

    Args:
        table: The table, such as `marts/dim_item` or `serving.recommendations`.
        name: The column; `=` for the table as a whole, `*` for all columns that are not named.
    """

    table: str
    name: str

    @classmethod
    def parse(cls, text: str) -> Column:
        """Parse `table.column`, where the table may contain dots and slashes."""
        table, _, name = text.rpartition(".")
        return cls(table, name)

    def __str__(self) -> str:
        return self.table if self.name == WHOLE else f"{self.table}.{self.name}"


@dataclass(frozen=True)
class Step:
    """One column of a walk.

    Args:
        depth: Distance from the start of the walk.
        column: The column.
        stage: The stage that writes it; empty for a landing file.
        is_repeated: Whether its inputs were listed earlier in the walk and are left out here.
    """

    depth: int
    column: Column
    stage: str
    is_repeated: bool


class Graph:
    """Column lineage over all tables: what the stages declare, and the dbt models of a manifest.

    Args:
        models: dbt's models.
    """

    def __init__(self, models: Models) -> None:
        self._models = models
        self._tables = {
            table: (stage.name, columns)
            for stage in STAGES
            for table, columns in declared_tables(stage).items()
        }

    def maker(self, column: Column) -> str:
        """Return the stage that writes a column; empty for a landing file, and for a mart that dbt has not built."""
        if column.table in self._tables:
            return self._tables[column.table][0]
        writer = writer_of(DBT_TABLES)
        return writer.name if writer and column.table in self._models else ""

    def inputs(self, column: Column) -> tuple[Column, ...]:
        """Return the columns that a column is derived from, in declared order; for a whole table those of all its columns.

        Raises:
            UnknownColumn: If no stage writes it.
        """
        if column.table in self._tables:
            return tuple(dict.fromkeys(_resolve(self._tables[column.table][1], column.name)))
        if column.table in self._models:
            return tuple(Column(*pair) for pair in self._models.inputs(column.table, column.name))
        # Landing files have no inputs here, nor have marts that dbt has not built and tables named as a whole.
        if column.table.startswith(("landing/", f"{DBT_TABLES}/")) or column.table in _READ_AS_A_WHOLE:
            return ()
        known = ", ".join(sorted(table for table in self._tables if table.startswith("serving.")))
        raise UnknownColumn(
            f"no stage writes {column}; start from a column of {known} or of any table of the lake."
        )

    def walk(self, start: Column) -> Iterator[Step]:
        """Yield the column and, depth first, what it is derived from; inputs of a repeated column are listed once."""
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
    """Check that a serving table has a column; other tables are not checked.

    Raises:
        UnknownColumn: If the table is a serving table without such a column.
    """
    relation = next((one for one in RELATIONS if f"serving.{one.name}" == table), None)
    if relation and column not in (*relation.column_names, WHOLE):
        raise UnknownColumn(f"{table} has no column {column!r}; it has {', '.join(relation.column_names)}.")


def _resolve(columns: Mapping[str, tuple[str, ...]], name: str) -> Iterator[Column]:
    """Yield the declared inputs of a column of one table; an input `table.*` means the column of the same name."""
    declared = (
        [source for inputs in columns.values() for source in inputs]
        if name == WHOLE
        else columns.get(name, columns.get("*", ()))
    )
    for text in declared:
        source = Column.parse(text)
        yield Column(source.table, name) if source.name == "*" else source

"""Walks from a column to the columns that it is derived from, down to the landing files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from handpick.errors import HandpickError
from handpick.lineage.dbt_columns import WHOLE_TABLE, DbtModels
from handpick.lineage.declared_columns import DBT_TABLES, list_declared_tables
from handpick.pipeline.registry import STAGES, find_writing_stage
from handpick.serving.relations import RELATIONS

_READ_AS_A_WHOLE = {read for stage in STAGES for read in stage.reads}


class UnknownColumn(HandpickError):
    """A column that no stage declares and no dbt model has."""


@dataclass(frozen=True)
class ColumnRef:
    """One column of one table.

    Args:
        table: The table, such as `marts/dim_item` or `serving.recommendations`.
        name: The column; `=` for the table as a whole, `*` for all columns that are not named.
    """

    table: str
    name: str

    @classmethod
    def parse(cls, text: str) -> ColumnRef:
        """Parse `table.column`, where the table may contain dots and slashes."""
        table, _, name = text.rpartition(".")
        return cls(table, name)

    def __str__(self) -> str:
        return self.table if self.name == WHOLE_TABLE else f"{self.table}.{self.name}"


@dataclass(frozen=True)
class WalkStep:
    """One column of a walk.

    Args:
        depth: Distance from the start of the walk.
        column: The column.
        stage: The stage that writes it; empty for a landing file.
        is_repeated: Whether its inputs were listed earlier in the walk and are left out here.
    """

    depth: int
    column: ColumnRef
    stage: str
    is_repeated: bool


class LineageGraph:
    """Column lineage over all tables: what the stages declare, and the dbt models of a manifest.

    Args:
        models: dbt's models.
    """

    def __init__(self, models: DbtModels) -> None:
        self._models = models
        self._tables = {
            table: (stage.name, columns)
            # Reversed, so that of two stages that write a table the first counts, as in the registry.
            for stage in reversed(STAGES)
            for table, columns in list_declared_tables(stage).items()
        }

    def find_writer(self, column: ColumnRef) -> str:
        """Return the stage that writes a column; empty for landing files and marts that dbt has not built."""
        if column.table in self._tables:
            return self._tables[column.table][0]
        writer = find_writing_stage(DBT_TABLES)
        return writer.name if writer and column.table in self._models else ""

    def find_inputs(self, column: ColumnRef) -> tuple[ColumnRef, ...]:
        """Return the columns that a column or a whole table is derived from, in declared order.

        Raises:
            UnknownColumn: If no stage writes it.
        """
        if column.table in self._tables:
            return tuple(dict.fromkeys(_resolve_inputs(self._tables[column.table][1], column.name)))
        if column.table in self._models:
            return tuple(ColumnRef(*pair) for pair in self._models.find_inputs(column.table, column.name))
        # Landing files have no inputs here, nor have marts that dbt has not built and tables named as a
        # whole.
        if column.table.startswith(("landing/", f"{DBT_TABLES}/")) or column.table in _READ_AS_A_WHOLE:
            return ()
        known = ", ".join(sorted(table for table in self._tables if table.startswith("serving.")))
        raise UnknownColumn(
            f"no stage writes {column}; start from a column of {known} or of any table of the lake."
        )

    def walk(self, start: ColumnRef) -> Iterator[WalkStep]:
        """Yield a column and, depth first, what it is derived from; inputs of repeated columns only once."""
        seen: set[ColumnRef] = set()

        def descend(column: ColumnRef, depth: int) -> Iterator[WalkStep]:
            repeated = column in seen
            seen.add(column)
            inputs = () if repeated else self.find_inputs(column)
            # A repeated landing column has no inputs to leave out, so it is not marked.
            yield WalkStep(
                depth, column, self.find_writer(column), repeated and bool(self.find_inputs(column))
            )
            for source in inputs:
                yield from descend(source, depth + 1)

        return descend(start, 0)


def check_serving_column(table: str, column: str) -> None:
    """Check that a serving table has a column; other tables are not checked.

    Raises:
        UnknownColumn: If the table is a serving table without such a column.
    """
    relation = next((one for one in RELATIONS if f"serving.{one.name}" == table), None)
    if relation and column not in (*relation.column_names, WHOLE_TABLE):
        raise UnknownColumn(f"{table} has no column {column!r}; it has {', '.join(relation.column_names)}.")


def _resolve_inputs(columns: Mapping[str, tuple[str, ...]], name: str) -> Iterator[ColumnRef]:
    """Yield the declared inputs of a column; an input `table.*` means the column of the same name."""
    declared = (
        [source for inputs in columns.values() for source in inputs]
        if name == WHOLE_TABLE
        else columns.get(name, columns.get("*", ()))
    )
    for text in declared:
        source = ColumnRef.parse(text)
        yield ColumnRef(source.table, name) if source.name == "*" else source

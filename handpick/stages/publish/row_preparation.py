"""Prepares the lake's rows for loading: columns, types and order of the served relation, split into parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from handpick.errors import InputError
from handpick.serving.relations import Relation
from handpick.stages.publish.pg_copy import COPY_TYPES

MIN_PART_ROWS, MAX_PART_ROWS = 100_000, 2_000_000
"""Rows of a part: fewer are not worth a table, and the index of more is not built in memory."""


@dataclass(frozen=True)
class Part:
    """Rows that one connection loads into one table.

    Args:
        relation: The relation that they belong to.
        table: Name of the table.
        rows: Sorted by key.
        start: Smallest value of the key's first column; None for the first part.
        end: Smallest such value of the next part; None for the last part.
    """

    relation: Relation
    table: str
    rows: pa.Table
    start: str | None = None
    end: str | None = None


def prepare_rows(rows: pa.Table, relation: Relation) -> pa.Table:
    """Return the relation's columns in their order and types, sorted by key.

    Raises:
        InputError: If a column that may not be null is missing or holds nulls.
    """
    columns = {}
    for column in relation.columns:
        if column.name not in rows.column_names and not column.is_nullable:
            raise InputError(f"{relation.lake_table} has no column {column.name}; nothing was published.")
        # `COPY_TYPES` has int32 for dates, as which they are sent; up to then they stay dates.
        target = pa.date32() if column.sql_type == "date" else COPY_TYPES[column.sql_type][0]
        values = (
            rows[column.name].cast(target)
            if column.name in rows.column_names
            else pa.nulls(len(rows), target)
        )
        if not column.is_nullable and values.null_count:
            raise InputError(
                f"{relation.lake_table}.{column.name} is null in {values.null_count} rows; nothing was "
                "published."
            )
        columns[column.name] = values
    table = pa.table(columns)
    if is_sorted(table, relation.key):
        return table
    return table.sort_by([(name, "ascending") for name in relation.key])


def is_sorted(table: pa.Table, key: tuple[str, ...]) -> bool:
    """Return whether rows are sorted strictly by a key of one or two columns, as the lake's usually are."""
    if len(table) < 2:
        return True
    first = table[key[0]].combine_chunks()
    before, after = first.slice(0, len(first) - 1), first.slice(1)
    ascending = pc.less(before, after)
    if len(key) > 1:
        second = table[key[1]].combine_chunks()
        within = pc.less(second.slice(0, len(second) - 1), second.slice(1))
        ascending = pc.or_(ascending, pc.and_(pc.equal(before, after), within))
    return bool(pc.all(ascending).as_py())


def split_rows(rows: pa.Table, relation: Relation, version: int, streams: int) -> list[Part]:
    """Split prepared rows into parts, one per stream or more for very many rows; no list is split.

    Args:
        rows: Sorted by key.
        relation: Their relation.
        version: The list version, for the tables' names.
        streams: Connections that load in parallel.
    """
    table = relation.version_table(version)
    count = min(max(streams, -(-len(rows) // MAX_PART_ROWS)), len(rows) // MIN_PART_ROWS)
    cuts = [0, *_find_cuts(rows, relation.key[0], count), len(rows)]
    if len(cuts) == 2:
        return [Part(relation, table, rows)]
    # The first and the last part are open: PostgreSQL routes any key to one of them.
    edges = [None, *(rows[relation.key[0]][cut].as_py() for cut in cuts[1:-1]), None]
    return [
        Part(
            relation,
            f"{table}_{at + 1}",
            rows.slice(cuts[at], cuts[at + 1] - cuts[at]),
            edges[at],
            edges[at + 1],
        )
        for at in range(len(cuts) - 1)
    ]


def _find_cuts(rows: pa.Table, owner: str, count: int) -> Iterator[int]:
    """Yield row numbers at about even distances at which another list begins."""
    before = 0
    for number in range(1, count):
        place = len(rows) * number // count
        # Move on to where the next list begins.
        while 0 < place < len(rows) and rows[owner][place] == rows[owner][place - 1]:
            place += 1
        if before < place < len(rows):
            yield place
            before = place

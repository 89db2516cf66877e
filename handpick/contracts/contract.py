"""What a contract is: a source's columns, types, bounds, keys and references, declared once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

ColumnType = Literal["string", "number", "boolean", "timestamp", "date", "json"]

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    "json": pa.string(),
}


@dataclass(frozen=True)
class Column:
    """One column of a source.

    Args:
        name: As the lake calls it.
        type: How its text is read.
        about: One sentence for the documentation.
        is_required: An empty value breaks the contract.
        at_least, at_most: Bounds of a number.
        one_of: Allowed values of a string, compared without case.
        pattern: Regular expression that a string matches as a whole.
        is_past: A timestamp that lies after the night breaks the contract.
    """

    name: str
    type: ColumnType
    about: str
    is_required: bool = False
    at_least: float | None = None
    at_most: float | None = None
    one_of: tuple[str, ...] = ()
    pattern: str | None = None
    is_past: bool = False

    @property
    def arrow_type(self) -> pa.DataType:
        """The column's type once it is valid."""
        return ARROW_TYPES[self.type]


@dataclass(frozen=True)
class Reference:
    """A column whose values must be known keys of another source, tonight's or an earlier night's."""

    column: str
    source: str
    key: str


@dataclass(frozen=True)
class Contract:
    """One source's whole contract.

    Args:
        source: The source's name.
        version: Raised whenever a rule changes; kept with every quarantined row.
        about: What one row is.
        columns: In the lake's order.
        key: Columns that are unique together.
        references: Columns that must be known elsewhere.
        any_of: At least one of these must be present.
        is_log: Rows happen once and are only added (events, queries); otherwise a newer row replaces an older one.
    """

    source: str
    version: str
    about: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    references: tuple[Reference, ...] = ()
    any_of: tuple[str, ...] = ()
    is_log: bool = False

    @property
    def names(self) -> list[str]:
        """Column names, in order."""
        return [column.name for column in self.columns]

    @property
    def required(self) -> list[str]:
        """Columns that must be in every file."""
        return [column.name for column in self.columns if column.is_required]

    def column(self, name: str) -> Column:
        """The column of that name."""
        return next(column for column in self.columns if column.name == name)

    def arrow_schema(self) -> pa.Schema:
        """Schema of the valid rows, with where each came from."""
        fields = [pa.field(column.name, column.arrow_type, not column.is_required) for column in self.columns]
        return pa.schema(
            [*fields, pa.field("_source_file", pa.string()), pa.field("_source_line", pa.int64())]
        )

    def raw_schema(self) -> pa.Schema:
        """Schema of the landed rows: every value as the text that arrived."""
        fields = [pa.field(name, pa.string()) for name in [*self.names, "_extra", "_raw", "_source_file"]]
        return pa.schema([*fields, pa.field("_source_line", pa.int64())])

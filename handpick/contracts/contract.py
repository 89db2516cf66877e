"""What a contract is: a source's columns, types, bounds, keys, references, freshness and volume, declared once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pyarrow as pa

if TYPE_CHECKING:
    from pyspark.sql.types import StructType

ColumnType = Literal["string", "number", "boolean", "timestamp", "date", "json"]
Severity = Literal["critical", "warning"]

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    "string": pa.string(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
    "json": pa.string(),
}
EARLIEST_DATE, LATEST_DATE = "1970-01-01", "2100-01-01"
"""Dates and timestamps outside are typing errors; every library downstream can hold those inside."""

ORIGIN = ("_source_file", "_source_line")
"""Where a row came from; kept with it from landing on."""


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
        pattern: Regular expression that a string matches as a whole; in the syntax that Java, Python and RE2 share.
        is_past: A timestamp that lies after the night breaks the contract.
        severity: A bad value sets the whole row aside (`critical`), or is emptied and counted while the row goes
            on without it (`warning`).
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
    severity: Severity = "critical"

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
class Freshness:
    """How old the newest value of a timestamp may be at the night's end.

    Args:
        column: The timestamp.
        warn_hours: Older than this is a warning.
        stop_hours: Older than this stops the night.
    """

    column: str
    warn_hours: float
    stop_hours: float


@dataclass(frozen=True)
class Volume:
    """Rows of a night as a multiple of the last nights' median; outside, the night stops."""

    at_least: float
    at_most: float


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
        freshness: How old the newest row may be.
        volume: How far from the usual number of rows a night may be.
        late_days: A log row older than this at the night's end comes too late to be counted, except on the first night.
    """

    source: str
    version: str
    about: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    references: tuple[Reference, ...] = ()
    any_of: tuple[str, ...] = ()
    is_log: bool = False
    freshness: Freshness | None = None
    volume: Volume | None = None
    late_days: int | None = None

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

    def quarantine_schema(self) -> pa.Schema:
        """Schema of the rows set aside: as landed, with every rule broken and the values that broke it."""
        return pa.schema(
            [
                *self.raw_schema(),
                pa.field("_rules", pa.list_(pa.string())),
                pa.field("_values", pa.string()),
                pa.field("contract_version", pa.string()),
            ]
        )

    def spark_schema(self) -> StructType:
        """The Arrow schema of the valid rows in Spark's types."""
        from pyspark.sql.pandas.types import from_arrow_schema

        return from_arrow_schema(self.arrow_schema())

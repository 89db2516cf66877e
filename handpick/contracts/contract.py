"""Types that declare a data contract: columns, bounds, keys, references, freshness and volume of a source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

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
"""Dates outside this range break the contract: they are typing errors, or overflow in pandas or Spark."""

ORIGIN = ("_source_file", "_source_line")
"""Columns that name the file and line a row came from; every raw and valid row keeps them."""


@dataclass(frozen=True)
class Column:
    """One column of a source.

    Args:
        name: Name of the column in the lake.
        type: Type that the landed text is cast to.
        description: One sentence for the documentation.
        is_required: Whether an empty value breaks the contract.
        min_value: Smallest number allowed, inclusive.
        max_value: Largest number allowed, inclusive.
        allowed_values: Allowed values of a string, compared case-insensitively.
        pattern: Regular expression that must match the whole string, in the syntax that Java, Python and RE2
            share.
        must_be_past: Whether a timestamp after the end of the night breaks the contract.
        max_days_ahead: Days after the night from which a date breaks the contract, as a typing error.
        can_be_count: Whether a boolean may arrive as a number of pieces, of which 0 and less are false.
        severity: `critical` quarantines the whole row for a bad value; `warning` sets the value to null,
            counts it and keeps the row.
    """

    name: str
    type: ColumnType
    description: str
    is_required: bool = False
    min_value: float | None = None
    max_value: float | None = None
    allowed_values: tuple[str, ...] = ()
    pattern: str | None = None
    must_be_past: bool = False
    max_days_ahead: int | None = None
    can_be_count: bool = False
    severity: Severity = "critical"

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type of the column in the valid rows."""
        return ARROW_TYPES[self.type]


@dataclass(frozen=True)
class Reference:
    """A foreign key: values of `column` must be keys of another source, from this night or an earlier one."""

    column: str
    source: str
    key: str


@dataclass(frozen=True)
class Freshness:
    """The allowed age of the newest row at the end of the night.

    Args:
        column: Timestamp column that the age is measured on.
        warn_hours: Age in hours above which the night warns.
        stop_hours: Age in hours above which the night stops.
    """

    column: str
    warn_hours: float
    stop_hours: float


@dataclass(frozen=True)
class Volume:
    """The allowed ratio of a night's row count to the median of the last nights."""

    min_ratio: float
    max_ratio: float


@dataclass(frozen=True)
class Contract:
    """The complete contract of one source.

    Args:
        source: Name of the source.
        version: Version of the rules, raised whenever one changes; stored with every quarantined row.
        description: What one row is.
        columns: Columns in the order of the lake tables.
        key: Columns that identify a row together.
        references: Foreign keys to other sources.
        any_of: Columns of which at least one must be present.
        is_log: Whether rows are append-only (events, queries); otherwise a newer row replaces an older one.
        freshness: Allowed age of the newest row.
        volume: Allowed row count, relative to the last nights.
        max_days_late: Age in days above which a log row is quarantined as late, except on the first night.
    """

    source: str
    version: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    references: tuple[Reference, ...] = ()
    any_of: tuple[str, ...] = ()
    is_log: bool = False
    freshness: Freshness | None = None
    volume: Volume | None = None
    max_days_late: int | None = None

    @property
    def column_names(self) -> list[str]:
        """The column names, in order."""
        return [column.name for column in self.columns]

    @property
    def required_columns(self) -> list[str]:
        """The columns that every landing file must have."""
        return [column.name for column in self.columns if column.is_required]

    def column(self, name: str) -> Column:
        """Return the column of that name.

        Raises:
            StopIteration: If the contract has no such column.
        """
        return next(column for column in self.columns if column.name == name)

    def arrow_schema(self) -> pa.Schema:
        """Return the schema of the valid rows, with the origin columns."""
        # Required columns are not nullable, also in the Spark schema that is derived from this one.
        fields = [pa.field(column.name, column.arrow_type, not column.is_required) for column in self.columns]
        return pa.schema(
            [*fields, pa.field("_source_file", pa.string()), pa.field("_source_line", pa.int64())]
        )

    def raw_schema(self) -> pa.Schema:
        """Return the schema of the raw rows, in which every value is text as it arrived."""
        fields = [
            pa.field(name, pa.string()) for name in [*self.column_names, "_extra", "_raw", "_source_file"]
        ]
        return pa.schema([*fields, pa.field("_source_line", pa.int64())])

    def quarantine_schema(self) -> pa.Schema:
        """Return the schema of quarantined rows: the raw row, its broken rules and the offending values."""
        return pa.schema(
            [
                *self.raw_schema(),
                pa.field("_rules", pa.list_(pa.string())),
                pa.field("_values", pa.string()),
                pa.field("contract_version", pa.string()),
            ]
        )

"""The functions of `pyspark.sql.functions` that the transforms and row rules use, as DuckDB's SQL.

Each means what it means in Spark, to the last digit; tests run the same declarations on both engines. A
function that is missing here raises AttributeError when it is first used with DuckDB.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from handpick.runtime.dataframes.duckdb_column import Case, Column, quote_name, write, write_named
from handpick.runtime.dataframes.java_patterns import translate_to_re2

Named = Column | str


def col(name: str) -> Column:
    """Return a column by name."""
    return Column("*" if name == "*" else quote_name(name), name.rpartition(".")[2])


def lit(value: Any) -> Column:
    """Return a constant."""
    return value if isinstance(value, Column) else Column(write(value))


def expr(sql: str) -> Column:
    """Return an expression of standard SQL, which both engines read alike."""
    return Column(f"({sql})")


def broadcast(frame: Any) -> Any:
    """Return the frame: one process has nobody to send it to."""
    return frame


def when(condition: Column, value: Any) -> Case:
    """Begin a choice by conditions; null where none holds."""
    return Case([(condition.sql, write(value))])


def _call(name: str, *arguments: Named, named: str = "") -> Column:
    return Column(f"{name}({', '.join(map(write_named, arguments))})", named)


def coalesce(*values: Named) -> Column:
    """Return the first value that is not null."""
    return _call("coalesce", *values)


def nullif(value: Named, empty: Named) -> Column:
    """Return null where two values are equal, else the first."""
    return _call("nullif", value, empty)


def least(*values: Named) -> Column:
    """Return the smallest value, nulls skipped."""
    return _call("least", *values)


def greatest(*values: Named) -> Column:
    """Return the greatest value, nulls skipped."""
    return _call("greatest", *values)


def abs(value: Named) -> Column:
    """Return the absolute value."""
    return _call("abs", value)


def round(value: Named, places: int = 0) -> Column:
    """Round half up what the shortest decimal form of a double says: 2.675 becomes 2.68."""
    return Column(f"spark_round_{places}({write_named(value)})")


def count(value: Named) -> Column:
    """Count the values that are not null, or all rows for `*`."""
    return Column("count(*)") if isinstance(value, str) and value == "*" else _call("count", value)


def min(value: Named) -> Column:
    """Return the smallest value."""
    return _call("min", value)


def max(value: Named) -> Column:
    """Return the greatest value."""
    return _call("max", value)


def sum(value: Named) -> Column:
    """Add up the values; null where there is none."""
    return _call("sum", value)


def collect_list(value: Named) -> Column:
    """Collect the values in an array, in any order."""
    return _call("list", value)


def row_number() -> Column:
    """Return the number of a row in its window, from 1."""
    return Column("row_number()")


def lag(value: Named) -> Column:
    """Return the value of the row before."""
    return _call("lag", value)


def last(value: Named, ignorenulls: bool = False) -> Column:
    """Return the last value of a window."""
    return Column(f"last_value({write_named(value)}{' IGNORE NULLS' if ignorenulls else ''})")


def trim(text: Named) -> Column:
    """Remove blanks, and no other white space, from both ends."""
    return Column(f"trim({write_named(text)}, ' ')")


def lower(text: Named) -> Column:
    """Write a text in lower case."""
    return _call("spark_lower", text)


def upper(text: Named) -> Column:
    """Write a text in upper case."""
    return _call("spark_upper", text)


def concat_ws(separator: str, *texts: Named) -> Column:
    """Join the texts that are not null by a separator."""
    return Column(f"concat_ws({write(separator)}, {', '.join(map(write_named, texts))})")


def split_part(text: Named, separator: Column, place: Column) -> Column:
    """Return a part of a text between separators, counted from 1."""
    return _call("split_part", text, separator, place)


def xxhash64(*values: Named) -> Column:
    """Return an integer hash that is equal for equal values, within this engine and run."""
    return Column(f"CAST(hash({', '.join(map(write_named, values))}) >> 1 AS BIGINT)")


def regexp_replace(text: Named, pattern: str, replacement: str) -> Column:
    """Replace all matches of a Java pattern by a plain text.

    Raises:
        ValueError: If the replacement refers to groups.
    """
    if "$" in replacement or "\\" in replacement:
        raise ValueError(f"the replacement {replacement!r} refers to groups, which engines write differently")
    searched = write(translate_to_re2(pattern))
    return Column(f"regexp_replace({write_named(text)}, {searched}, {write(replacement)}, 'g')")


def to_date(moment: Named) -> Column:
    """Return the day of a timestamp, UTC."""
    return Column(f"CAST(make_timestamp(epoch_us({write_named(moment)})) AS DATE)")


def date_trunc(unit: str, moment: Named) -> Column:
    """Return the start of a timestamp's hour, UTC."""
    if unit != "hour":
        raise ValueError(f"date_trunc to {unit} is not supported")
    return Column(f"make_timestamptz(epoch_us({write_named(moment)}) // 3600000000 * 3600000000)")


def unix_micros(moment: Named) -> Column:
    """Return the microseconds since 1970, UTC."""
    return _call("epoch_us", moment)


def unix_seconds(moment: Named) -> Column:
    """Return the whole seconds since 1970, UTC, of a timestamp not before it."""
    return Column(f"(epoch_us({write_named(moment)}) // 1000000)")


def array(*values: Named) -> Column:
    """Return an array."""
    return Column(f"[{', '.join(map(write_named, values))}]")


def size(values: Named) -> Column:
    """Count the elements."""
    return _call("len", values)


def get(values: Named, place: Any) -> Column:
    """Return the element at a place counted from 0; null outside."""
    return Column(f"list_extract({write_named(values)}, {write(place)} + 1)")


def exists(values: Named, holds: Callable[[Column], Column]) -> Column:
    """Return whether a condition holds for one element."""
    return Column(f"(len(list_filter({write_named(values)}, lambda _one: {holds(Column('_one')).sql})) > 0)")


def explode(values: Named) -> Column:
    """Make a row of each element."""
    return _call("unnest", values, named="col")


def struct(*fields: Named) -> Column:
    """Return a struct of named columns."""
    columns = [field if isinstance(field, Column) else col(field) for field in fields]
    return Column(f"struct_pack({', '.join(f'{quote_name(one.name)} := {one.sql}' for one in columns)})")


def create_map(*pairs: Named) -> Column:
    """Return a map of keys and values in turn."""
    keys, values = (", ".join(map(write_named, part)) for part in (pairs[::2], pairs[1::2]))
    return Column(f"map([{keys}], [{values}])")


def try_element_at(values: Named, key: Named) -> Column:
    """Return the value of a map for a key; null where it has none."""
    return Column(f"({write_named(values)})[{write_named(key)}]")


def try_parse_json(text: Named) -> Column:
    """Return null where a text is no JSON that Spark reads, else some value."""
    return Column(f"CASE WHEN is_json({write_named(text)}) THEN true END")

"""The functions of `pyspark.sql.functions` that the transforms and row rules use, as DuckDB's SQL.

Each means what it means in Spark, to the last digit; tests run the same declarations on both engines. A
function that is missing here raises AttributeError when it is first used with DuckDB.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from handpick.runtime.dataframes import java_patterns
from handpick.runtime.dataframes.duckdb_column import Case, Column, quote_name, write, write_named

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


def sqrt(value: Named) -> Column:
    """Return the square root."""
    return _call("sqrt", value)


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


def length(text: Named) -> Column:
    """Count the characters."""
    return _call("length", text)


def substring(text: Named, start: Named | int, size: Named | int) -> Column:
    """Return the part of a text from a place, counted from 1."""
    return Column(f"substring({write_named(text)}, {write(start)}, {write(size)})")


def concat(*texts: Named) -> Column:
    """Join texts; null if one is."""
    return Column("(" + " || ".join(map(write_named, texts)) + ")")


def concat_ws(separator: str, *texts: Named) -> Column:
    """Join the texts that are not null by a separator."""
    return Column(f"concat_ws({write(separator)}, {', '.join(map(write_named, texts))})")


def split_part(text: Named, separator: Column, place: Column) -> Column:
    """Return a part of a text between separators, counted from 1."""
    return _call("split_part", text, separator, place)


def sha2(text: Named, bits: int) -> Column:
    """Return the SHA-256 of a text in hexadecimal digits."""
    if bits != 256:
        raise ValueError(f"sha2 with {bits} bits is not supported")
    return _call("sha256", text)


def xxhash64(*values: Named) -> Column:
    """Return an integer hash that is equal for equal values, within this engine and run."""
    return Column(f"CAST(hash({', '.join(map(write_named, values))}) >> 1 AS BIGINT)")


def regexp_like(text: Named, pattern: Column) -> Column:
    """Return whether a constant Java pattern matches anywhere in a text."""
    return Column(java_patterns.write_search(write_named(text), _read_text(pattern)))


def regexp_extract(text: Named, pattern: str, group: int) -> Column:
    """Return a group of a Java pattern's first match; empty where there is none."""
    return Column(java_patterns.write_extract(write_named(text), pattern, group))


def regexp_replace(text: Named, pattern: str, replacement: str) -> Column:
    """Replace all matches of a Java pattern by a text."""
    return Column(java_patterns.write_replace(write_named(text), pattern, replacement))


def _read_text(constant: Column) -> str:
    """Return the text of a constant column."""
    return constant.sql[1:-1].replace("''", "'")


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


def array_position(values: Named, value: Any) -> Column:
    """Return the place of a value, counted from 1; 0 where it is missing."""
    sql = write_named(values)
    return Column(f"coalesce(list_position({sql}, {write(value)}), CASE WHEN {sql} IS NOT NULL THEN 0 END)")


def array_sort(values: Named) -> Column:
    """Sort an array, nulls last."""
    return Column(f"list_sort({write_named(values)}, 'ASC', 'NULLS LAST')")


def array_compact(values: Named) -> Column:
    """Remove the nulls of an array."""
    return Column(f"list_filter({write_named(values)}, lambda one: one IS NOT NULL)")


def transform(values: Named, change: Callable[..., Column]) -> Column:
    """Change each element of an array."""
    return Column(f"list_transform({write_named(values)}, {_write_lambda(change)})")


def filter(values: Named, is_kept: Callable[..., Column]) -> Column:
    """Keep the elements for which a condition holds."""
    return Column(f"list_filter({write_named(values)}, {_write_lambda(is_kept)})")


def exists(values: Named, holds: Callable[..., Column]) -> Column:
    """Return whether a condition holds for one element."""
    return Column(f"(len(list_filter({write_named(values)}, {_write_lambda(holds)})) > 0)")


def _write_lambda(function: Callable[..., Column]) -> str:
    """Write a function of an element, and of its place counted from 0, as a lambda of DuckDB."""
    names = [f"_{name}" for name in inspect.signature(function).parameters]
    element, place = Column(names[0]), [Column(f"({name} - 1)") for name in names[1:]]
    return f"lambda {', '.join(names)}: {function(element, *place).sql}"


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


def map_entries(values: Named) -> Column:
    """Return the entries of a map, structs of `key` and `value`, in their order."""
    return _call("map_entries", values)


def map_from_entries(entries: Named) -> Column:
    """Return a map of entries with distinct keys."""
    return _call("map_from_entries", entries)


def from_json(text: Named, schema: str) -> Column:
    """Read a JSON object of texts; null where the text is none. Of equal keys the first stays."""
    if schema != "map<string,string>":
        raise ValueError(f"from_json to {schema} is not supported")
    return _call("json_object_texts", text)


def try_parse_json(text: Named) -> Column:
    """Return null where a text is no JSON that Spark reads, else some value."""
    return Column(f"CASE WHEN is_json({write_named(text)}) THEN true END")

"""Maps the columns and values of a file onto the contract's; values that cannot be mapped stay unchanged."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.compute as pc

from handpick.contracts import Contract
from handpick.errors import InputError
from handpick.settings.sources import SourceSettings
from handpick.stages.land.derived_columns import (
    ALL_COLUMNS,
    collect_columns,
    extract_pattern,
    hash_rows,
    normalize_numbers,
)
from handpick.stages.land.unparsable_rows import LINE_COLUMN, RAW_COLUMN

EPOCH_UNITS = {"epoch_s": "s", "epoch_ms": "ms", "epoch_us": "us"}
OTHER_VALUES = "*"
"""Key of a value mapping that matches every value without an entry of its own."""

DECIMALS = 9
"""Digits that products with a factor are rounded to, which hides the binary error of, say, 0.01."""


def conform_rows(
    rows: pa.Table, name: str, contract: Contract, settings: SourceSettings
) -> tuple[pa.Table, set[str]]:
    """Map rows onto the contract's raw schema.

    Args:
        rows: Text columns under the owner's names, with `_source_line` and, where needed, `_raw`.
        name: Name of the file, stored as `_source_file`.
        contract: The contract of the source.
        settings: The mapping of the source.

    Returns:
        The rows in the raw schema, and the names of columns that the contract does not know.

    Raises:
        InputError: If a required column is missing; the message lists the present columns and proposes a
            mapping.
    """
    # Before the renaming, as derived columns are declared with the owner's names.
    derived = _derive_columns(rows, settings)
    rows = _rename_columns(rows, settings)
    _check_columns(rows, name, contract, settings)
    gathered = {their for names in settings.collected.values() for their in names}
    known = {*contract.column_names, RAW_COLUMN, LINE_COLUMN, *gathered}
    unknown = [column for column in rows.column_names if column not in known and ALL_COLUMNS not in gathered]
    columns = []
    for field in contract.raw_schema():
        if field.name == "_source_file":
            columns.append(pa.repeat(pa.scalar(name, pa.string()), rows.num_rows))
        elif field.name == "_extra":
            columns.append(_collect_unknown(rows, unknown))
        elif field.name in derived:
            columns.append(derived[field.name])
        elif field.name in rows.column_names:
            columns.append(_map_column(rows.column(field.name), field.name, contract, settings))
        else:
            constant = settings.constants.get(field.name)
            columns.append(pa.repeat(pa.scalar(constant, pa.string()), rows.num_rows).cast(field.type))
    return pa.table(columns, schema=contract.raw_schema()), set(unknown)


def _derive_columns(rows: pa.Table, settings: SourceSettings) -> dict[str, pa.Array]:
    """Return the contract columns that are derived from several of the owner's columns."""
    mapped = set(settings.columns.values())
    rest = [
        name for name in rows.column_names if name not in mapped and name not in (RAW_COLUMN, LINE_COLUMN)
    ]
    return {
        **{
            mine: collect_columns(rows, rest if ALL_COLUMNS in names else names)
            for mine, names in settings.collected.items()
        },
        **{mine: hash_rows(rows) for mine in settings.hashed},
    }


def _rename_columns(rows: pa.Table, settings: SourceSettings) -> pa.Table:
    """Rename columns to the contract's names; one column may map to several of the contract's."""
    names = [column.strip() for column in rows.column_names]
    rows = rows.rename_columns(names)
    theirs = set(settings.columns.values())
    kept = {
        name: rows.column(name)
        for name in dict.fromkeys(names)
        if name not in theirs and name not in settings.columns
    }
    mapped = {mine: rows.column(their) for mine, their in settings.columns.items() if their in names}
    return pa.table({**kept, **mapped})


def _check_columns(rows: pa.Table, name: str, contract: Contract, settings: SourceSettings) -> None:
    """Raise an InputError if a required column is missing from rows that could be parsed."""
    parsed = rows.num_rows - (
        rows.num_rows - rows.column(RAW_COLUMN).null_count if RAW_COLUMN in rows.column_names else 0
    )
    missing = [
        column
        for column in contract.required_columns
        if column not in {*rows.column_names, *settings.constants, *settings.hashed, *settings.collected}
    ]
    if not missing or not parsed:
        return
    present = [column for column in rows.column_names if not column.startswith("_")]
    from handpick.stages.land.name_similarity import find_likely_column

    guess = (
        find_likely_column(missing[0], [column for column in present if column not in contract.column_names])
        or "..."
    )
    raise InputError(
        f"{name} ({contract.source}) has no column {', '.join(missing)}; it has {', '.join(present)}. "
        "Nothing was landed tonight, and the lists published before stay current. If it only has "
        "another name, map it in handpick.toml: "
        f'[sources.{contract.source}.columns] {missing[0]} = "{guess}"'
    )


def _collect_unknown(rows: pa.Table, unknown: list[str]) -> pa.Array:
    """Return `(rows,)` JSON objects of the unknown columns, for the column `_extra`."""
    if not unknown or not rows.num_rows:
        return pa.nulls(rows.num_rows, pa.string())
    kept = rows.select(unknown).to_pylist()
    return pa.array([json.dumps(row, ensure_ascii=False, sort_keys=True) for row in kept], pa.string())


def _map_column(
    column: pa.ChunkedArray, name: str, contract: Contract, settings: SourceSettings
) -> pa.ChunkedArray:
    """Apply the mapping of one column, in order: pattern, values, number form, times, zone, factor."""
    if name in settings.patterns:
        column = extract_pattern(column, settings.patterns[name], name)
    column = _replace_values(column, settings.values.get(name, {}))
    if name in settings.numbers:
        column = normalize_numbers(column, settings.numbers[name])
    declared = contract.column(name).type if name in contract.column_names else "string"
    if declared in ("date", "timestamp"):
        column = _format_times(column, settings.times.get(name, ""), declared)
        if declared == "timestamp" and settings.timezone != "UTC":
            column = _convert_to_utc(column, settings.timezone)
    if name in settings.factors:
        numbers = pc.round(pc.multiply(_parse_numbers(column), settings.factors[name]), DECIMALS)
        column = pc.coalesce(numbers.cast(pa.string()), column)
    return column


def _replace_values(column: pa.ChunkedArray, values: dict[str, str]) -> pa.ChunkedArray:
    """Replace the owner's values by the contract's; nulls stay null."""
    if not values:
        return column
    index = pc.index_in(column, pa.array(list(values), pa.string()))
    other = pa.scalar(values[OTHER_VALUES]) if OTHER_VALUES in values else column
    found = pc.take(pa.array(list(values.values()), pa.string()), index)
    return pc.if_else(pc.is_valid(index), found, pc.if_else(pc.is_valid(column), other, column))


def _format_times(column: pa.ChunkedArray, written: str, declared: str) -> pa.ChunkedArray:
    """Rewrite times in ISO form; a time that is not in the declared form stays unchanged."""
    if not written:
        return column
    if written in EPOCH_UNITS:
        numbers = pc.floor(_parse_numbers(column)).cast(pa.int64(), safe=False)
        times = numbers.cast(pa.timestamp(EPOCH_UNITS[written])).cast(pa.timestamp("us"), safe=False)
    else:
        missing = [
            part for part, codes in {"%d": "dj", "%m": "mbBj"}.items() if not _has_code(written, codes)
        ]
        # Without a day or a month strptime gives no valid date, so the first of each is appended.
        full = pc.binary_join_element_wise(column, *["1"] * len(missing), " ") if missing else column
        times = pc.strptime(full, format=" ".join([written, *missing]), unit="us", error_is_null=True)
    text = pc.strftime(times, format="%Y-%m-%d" if declared == "date" else "%Y-%m-%dT%H:%M:%S")
    return pc.coalesce(text, column)


def _has_code(written: str, codes: str) -> bool:
    """Return whether a time format has one of the codes, or `%x`, `%D`, `%F` or `%e`, which imply them."""
    return any(f"%{code}" in written for code in codes + "xDFe")


def _convert_to_utc(column: pa.ChunkedArray, timezone: str) -> pa.ChunkedArray:
    """Convert times without an offset from a zone to UTC; a repeated hour is taken as its first."""
    # Times with an offset are not matched: they state their zone themselves.
    plain = pc.match_substring_regex(column, r"^\s*\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?\s*$")
    local = pc.if_else(plain, pc.utf8_trim_whitespace(column), pa.scalar(None, pa.string()))
    times = local.cast(pa.timestamp("us"))
    zoned = pc.assume_timezone(times, timezone, ambiguous="earliest", nonexistent="latest")
    text = pc.strftime(zoned.cast(pa.timestamp("us", "UTC")), format="%Y-%m-%dT%H:%M:%SZ")
    return pc.coalesce(text, column)


def _parse_numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Parse plain decimal numbers as float64; other text becomes null."""
    is_number = pc.match_substring_regex(column, r"^[+-]?\d+(\.\d+)?$")
    return pc.if_else(is_number, column, pa.scalar(None, pa.string())).cast(pa.float64())

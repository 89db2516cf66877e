"""Maps the columns and values of a file onto the contract's; values that cannot be mapped stay unchanged."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator

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
    join_columns,
    list_joined_columns,
    read_piece_counts,
)
from handpick.stages.land.doubts import add_doubts, read_doubts
from handpick.stages.land.identifiers import find_shortened, is_identifier, normalize_identifiers
from handpick.stages.land.numbers import find_either, read_numbers
from handpick.stages.land.times import read_times
from handpick.stages.land.unparsable_rows import LINE_COLUMN, RAW_COLUMN

OTHER_VALUES = "*"
"""Key of a value mapping that matches every value without an entry of its own."""

MIN_SUSPICIOUS_ROWS, MIN_SUSPICIOUS_PHONES = 10, 50
"""Rows in which one moment, or one stock, in all is more than chance."""

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
    derived = _derive_columns(rows, contract, settings)
    missing = [
        f"has no column {theirs}, to which columns.{mine} is set: {mine} is empty in all its rows"
        for mine, theirs in settings.columns.items()
        if rows.num_rows and theirs.strip() not in {name.strip() for name in rows.column_names}
    ]
    rows = _rename_columns(rows, settings, contract.column_names)
    _check_columns(rows, name, contract, settings)
    gathered = {their for names in settings.collected.values() for their in names}
    gathered |= {name for template in settings.joined.values() for name in list_joined_columns(template)}
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
    doubts = [
        *read_doubts(rows),
        *missing,
        *_find_doubts(dict(zip(contract.raw_schema().names, columns, strict=True)), contract),
    ]
    return add_doubts(pa.table(columns, schema=contract.raw_schema()), doubts), set(unknown)


def _find_doubts(columns: dict[str, pa.ChunkedArray], contract: Contract) -> Iterator[str]:
    """Yield what is suspicious about whole columns: times of one moment, and a stock that never ends."""
    for declared in contract.columns:
        values = columns[declared.name]
        count = len(values) - values.null_count
        is_moment = contract.is_log and declared.type == "timestamp" and count >= MIN_SUSPICIOUS_ROWS
        is_stock = declared.can_be_count and count >= MIN_SUSPICIOUS_PHONES
        if is_identifier(declared):
            lost = find_shortened(values)
            if len(lost):
                yield (
                    f"has a {declared.name} that a spreadsheet has shortened, '{lost[0]}' in {len(lost):,} "
                    "rows: its last digits are lost, so different ones look alike; export it as text"
                )
        # Nulls do not count; one may be the first of the values.
        if (is_moment or is_stock) and pc.all(pc.equal(values, first := values.drop_null()[0])).as_py():
            asked = "is the time of day lost" if is_moment else "is that the stock"
            yield f"has one {declared.name} in all {count:,} rows, '{first}': {asked}"


def _derive_columns(rows: pa.Table, contract: Contract, settings: SourceSettings) -> dict[str, pa.Array]:
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
        **{
            mine: join_columns(rows, template, is_identifier(contract.column(mine)))
            for mine, template in settings.joined.items()
        },
        **{mine: hash_rows(rows) for mine in settings.hashed},
    }


def _rename_columns(rows: pa.Table, settings: SourceSettings, mine: Collection[str]) -> pa.Table:
    """Rename columns to the contract's names; one column may map to several of the contract's."""
    names = [column.strip() for column in rows.column_names]
    if len(set(names)) < len(names):  # names that differ in blanks only
        names = rows.column_names
    rows = rows.rename_columns(names)
    columns = {mine: their.strip() for mine, their in settings.columns.items()}
    theirs = set(columns.values())
    kept = {
        name: rows.column(name)
        for name in dict.fromkeys(names)
        # A column that is mapped elsewhere stays what its name says too: `price` may also hold the currency.
        if (name not in theirs or name in mine) and name not in settings.columns
    }
    mapped = {mine: rows.column(their) for mine, their in columns.items() if their in names}
    return pa.table({**kept, **mapped}).replace_schema_metadata(rows.schema.metadata)


def _check_columns(rows: pa.Table, name: str, contract: Contract, settings: SourceSettings) -> None:
    """Raise an InputError if a required column is missing from rows that could be parsed."""
    parsed = rows.num_rows - (
        rows.num_rows - rows.column(RAW_COLUMN).null_count if RAW_COLUMN in rows.column_names else 0
    )
    missing = [
        column
        for column in contract.required_columns
        if column
        not in {
            *rows.column_names,
            *settings.constants,
            *settings.hashed,
            *settings.joined,
            *settings.collected,
        }
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
    """Apply the mapping of one column, in order: nulls, pattern, values, number form, times, factor, ids."""
    if name not in contract.column_names:  # where the row came from
        return column
    declared = contract.column(name)
    kind = declared.type
    if settings.nulls:
        column = _blank_nulls(column, settings.nulls)
    if name in settings.patterns:
        column = extract_pattern(column, settings.patterns[name], name, is_number=kind == "number")
    column = _replace_values(column, settings.values.get(name, {}), declared.can_be_count)
    if kind == "number":
        column = _read_column_of_numbers(column, name, contract, settings)
    if kind in ("date", "timestamp"):
        column = read_times(column, settings.times.get(name, ""), kind, settings.timezone)
    if name in settings.factors:
        numbers = pc.round(pc.multiply(_parse_numbers(column), settings.factors[name]), DECIMALS)
        column = pc.coalesce(numbers.cast(pa.string()), column)
    return normalize_identifiers(column) if is_identifier(declared) else column


def _blank_nulls(column: pa.ChunkedArray, nulls: tuple[str, ...]) -> pa.ChunkedArray:
    """Return the column without the texts that stand for an empty value."""
    is_null = pc.is_in(column, pa.array(nulls, pa.string()))
    if not pc.any(is_null).as_py():
        return column
    return pc.if_else(is_null, pa.scalar(None, pa.string()), column)


def _replace_values(column: pa.ChunkedArray, values: dict[str, str], can_be_count: bool) -> pa.ChunkedArray:
    """Replace the owner's values by the contract's; nulls stay null, and counts are read as counts."""
    other = read_piece_counts(column) if can_be_count else pa.scalar(None, pa.string())
    if OTHER_VALUES in values:
        other = pc.coalesce(other, pa.scalar(values[OTHER_VALUES]))
    elif not values:
        return pc.coalesce(other, column) if can_be_count else column
    index = pc.index_in(column, pa.array(list(values), pa.string()))
    found = pc.take(pa.array(list(values.values()), pa.string()), index)
    kept = pc.if_else(pc.is_valid(column), pc.coalesce(other, column), column)
    return pc.if_else(pc.is_valid(index), found, kept)


def _read_column_of_numbers(
    column: pa.ChunkedArray, name: str, contract: Contract, settings: SourceSettings
) -> pa.ChunkedArray:
    """Return numbers in plain form.

    Raises:
        InputError: If no form is declared and nothing tells whether `1.049` is 1049.
    """
    if name in settings.numbers:
        return read_numbers(column, settings.numbers[name])
    either = find_either(column)
    if len(either):
        shown = ", ".join(repr(text) for text in either[:3].to_pylist())
        whole = read_numbers(pa.chunked_array([either[:1]]), "1.299,00")[0]
        raise InputError(
            f"{contract.source}: {name} {shown} can be {whole} or {either[0]}, and no other value tells "
            "which; nothing was landed tonight, and the lists published before stay current. Say how "
            f"numbers are written: [sources.{contract.source}.numbers] {name} = '1.299,00' (the point "
            "groups) or '1,299.00' (the point is the decimal mark)."
        )
    return pc.utf8_trim_whitespace(column)


def _parse_numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Parse plain decimal numbers as float64; other text becomes null."""
    text = pc.utf8_trim_whitespace(column)
    is_number = pc.match_substring_regex(text, r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?$")
    return pc.if_else(is_number, text, pa.scalar(None, pa.string())).cast(pa.float64())

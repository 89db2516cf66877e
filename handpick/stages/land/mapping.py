"""The owner's columns and values as the contract names and writes them; whatever cannot be mapped stays as it came."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.compute as pc

from handpick.contracts import Contract
from handpick.errors import InputError
from handpick.settings.sources import SourceSettings
from handpick.stages.land.derived import EVERY, collected, cut_out, hashed, plain_number
from handpick.stages.land.rows import LINE, RAW

EPOCHS = {"epoch_s": "s", "epoch_ms": "ms", "epoch_us": "us"}
OTHER = "*"
DECIMALS = 9


def conform(
    rows: pa.Table, name: str, contract: Contract, settings: SourceSettings
) -> tuple[pa.Table, set[str]]:
    """The rows in the contract's raw schema, and the names of columns that the contract does not know.

    Raises:
        InputError: If a required column is missing; names it, what is there, and a likely other name of it.
    """
    made = _made(rows, settings)
    rows = _renamed(rows, settings)
    _check_columns(rows, name, contract, settings)
    gathered = {their for names in settings.collected.values() for their in names}
    known = {*contract.names, RAW, LINE, *gathered}
    unknown = [column for column in rows.column_names if column not in known and EVERY not in gathered]
    columns = []
    for field in contract.raw_schema():
        if field.name == "_source_file":
            columns.append(pa.repeat(pa.scalar(name, pa.string()), rows.num_rows))
        elif field.name == "_extra":
            columns.append(_extra(rows, unknown))
        elif field.name in made:
            columns.append(made[field.name])
        elif field.name in rows.column_names:
            columns.append(_mapped(rows.column(field.name), field.name, contract, settings))
        else:
            constant = settings.constants.get(field.name)
            columns.append(pa.repeat(pa.scalar(constant, pa.string()), rows.num_rows).cast(field.type))
    return pa.table(columns, schema=contract.raw_schema()), set(unknown)


def _made(rows: pa.Table, settings: SourceSettings) -> dict[str, pa.Array]:
    """Contract columns that are made of several of the owner's."""
    mapped = set(settings.columns.values())
    rest = [name for name in rows.column_names if name not in mapped and name not in (RAW, LINE)]
    return {
        **{
            mine: collected(rows, rest if EVERY in names else names)
            for mine, names in settings.collected.items()
        },
        **{mine: hashed(rows) for mine in settings.hashed},
    }


def _renamed(rows: pa.Table, settings: SourceSettings) -> pa.Table:
    """Columns under the contract's names; one column of the owner's may serve several of ours."""
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
    parsed = rows.num_rows - (rows.num_rows - rows.column(RAW).null_count if RAW in rows.column_names else 0)
    missing = [
        column
        for column in contract.required
        if column not in {*rows.column_names, *settings.constants, *settings.hashed, *settings.collected}
    ]
    if not missing or not parsed:
        return
    there = [column for column in rows.column_names if not column.startswith("_")]
    from handpick.stages.land.proposals import likely

    guess = likely(missing[0], [column for column in there if column not in contract.names]) or "..."
    raise InputError(
        f"{name} ({contract.source}) has no column {', '.join(missing)}; it has {', '.join(there)}. Nothing was landed "
        f"tonight, and the lists published before stay current. If it is only named differently, say so in handpick.toml: "
        f'[sources.{contract.source}.columns] {missing[0]} = "{guess}"'
    )


def _extra(rows: pa.Table, unknown: list[str]) -> pa.Array:
    if not unknown or not rows.num_rows:
        return pa.nulls(rows.num_rows, pa.string())
    kept = rows.select(unknown).to_pylist()
    return pa.array([json.dumps(row, ensure_ascii=False, sort_keys=True) for row in kept], pa.string())


def _mapped(
    column: pa.ChunkedArray, name: str, contract: Contract, settings: SourceSettings
) -> pa.ChunkedArray:
    if name in settings.patterns:
        column = cut_out(column, settings.patterns[name], name)
    column = _values(column, settings.values.get(name, {}))
    if name in settings.numbers:
        column = plain_number(column, settings.numbers[name])
    declared = contract.column(name).type if name in contract.names else "string"
    if declared in ("date", "timestamp"):
        column = _times(column, settings.times.get(name, ""), declared)
        if declared == "timestamp" and settings.timezone != "UTC":
            column = _in_utc(column, settings.timezone)
    if name in settings.factors:
        numbers = pc.round(pc.multiply(_numbers(column), settings.factors[name]), DECIMALS)
        column = pc.coalesce(numbers.cast(pa.string()), column)
    return column


def _values(column: pa.ChunkedArray, values: dict[str, str]) -> pa.ChunkedArray:
    if not values:
        return column
    index = pc.index_in(column, pa.array(list(values), pa.string()))
    other = pa.scalar(values[OTHER]) if OTHER in values else column
    found = pc.take(pa.array(list(values.values()), pa.string()), index)
    return pc.if_else(pc.is_valid(index), found, pc.if_else(pc.is_valid(column), other, column))


def _times(column: pa.ChunkedArray, written: str, declared: str) -> pa.ChunkedArray:
    """Times in ISO form; one that is not written as declared stays as it came."""
    if not written:
        return column
    if written in EPOCHS:
        numbers = pc.floor(_numbers(column)).cast(pa.int64(), safe=False)
        moments = numbers.cast(pa.timestamp(EPOCHS[written])).cast(pa.timestamp("us"), safe=False)
    else:
        missing = [part for part, codes in {"%d": "dj", "%m": "mbBj"}.items() if not _has(written, codes)]
        full = pc.binary_join_element_wise(column, *["1"] * len(missing), " ") if missing else column
        moments = pc.strptime(full, format=" ".join([written, *missing]), unit="us", error_is_null=True)
    text = pc.strftime(moments, format="%Y-%m-%d" if declared == "date" else "%Y-%m-%dT%H:%M:%S")
    return pc.coalesce(text, column)


def _has(written: str, codes: str) -> bool:
    """Whether a pattern for times has one of these codes; `%x`, `%D` and `%F` stand for whole dates."""
    return any(f"%{code}" in written for code in codes + "xDFe")


def _in_utc(column: pa.ChunkedArray, timezone: str) -> pa.ChunkedArray:
    """Times without an offset, read in the declared zone, in UTC; an hour that a clock change repeats is its first."""
    plain = pc.match_substring_regex(column, r"^\s*\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?\s*$")
    local = pc.if_else(plain, pc.utf8_trim_whitespace(column), pa.scalar(None, pa.string()))
    moments = local.cast(pa.timestamp("us"))
    zoned = pc.assume_timezone(moments, timezone, ambiguous="earliest", nonexistent="latest")
    text = pc.strftime(zoned.cast(pa.timestamp("us", "UTC")), format="%Y-%m-%dT%H:%M:%SZ")
    return pc.coalesce(text, column)


def _numbers(column: pa.ChunkedArray) -> pa.ChunkedArray:
    is_number = pc.match_substring_regex(column, r"^[+-]?\d+(\.\d+)?$")
    return pc.if_else(is_number, column, pa.scalar(None, pa.string())).cast(pa.float64())

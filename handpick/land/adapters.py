"""Readers of the owner's formats: each gives every row as text, in the contract's columns, with file and line."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from handpick.contracts import Contract
from handpick.errors import InputError
from handpick.land.arrivals import Arrival
from handpick.night import Night
from handpick.settings.sources import SourceSettings

PARQUET_MAGIC = b"PAR1"
SAMPLE_BYTES = 1 << 18
RAW, LINE = "_raw", "_source_line"


def read(
    arrival: Arrival, contract: Contract, settings: SourceSettings, night: Night
) -> tuple[pa.Table, set[str]]:
    """A file's rows in the contract's raw schema, and the names of columns that the contract does not know.

    Raises:
        InputError: If the file is empty, is not what its name says, or lacks a required column.
    """
    if arrival.path is None:
        from handpick.land.sql import read_sql

        rows = read_sql(contract, settings, night)
    else:
        rows = _read_file(arrival.path, settings)
    return _conform(rows, arrival.name, contract, settings)


def _read_file(path: Path, settings: SourceSettings) -> pa.Table:
    size = path.stat().st_size
    if size == 0:
        raise InputError(f"{path} is empty; nothing was landed tonight. Bring the whole file and run again.")
    with path.open("rb") as stream:
        head = stream.read(SAMPLE_BYTES)
    kind = settings.format if settings.format != "auto" else _kind(path, head)
    readers = {"parquet": _read_parquet, "jsonl": _read_json_lines, "csv": _read_csv}
    try:
        return readers[kind](path, head)
    except (pa.ArrowException, OSError, UnicodeError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} cannot be read as {kind}: {reason}. Nothing was landed tonight.") from None


def _kind(path: Path, head: bytes) -> str:
    """The format by first bytes, then by name."""
    if head.startswith(PARQUET_MAGIC) or path.suffix == ".parquet":
        return "parquet"
    if path.suffix.lower() in {".json", ".jsonl", ".ndjson"} or head.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] in (
        b"{",
        b"[",
    ):
        return "jsonl"
    return "csv"


def _read_parquet(path: Path, head: bytes) -> pa.Table:
    if not head.startswith(PARQUET_MAGIC):
        raise InputError(f"{path} is named like Parquet but is not; nothing was landed tonight.")
    rows = pq.read_table(path)
    texts = [_as_text(rows.column(name)) for name in rows.column_names]
    table = pa.table(texts, names=rows.column_names)
    return table.append_column(LINE, pa.array(range(1, rows.num_rows + 1), pa.int64()))


def _as_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_nested(column.type):
        texts = [
            None if value is None else json.dumps(_plain(value), ensure_ascii=False)
            for value in column.to_pylist()
        ]
        return pa.chunked_array([pa.array(texts, pa.string())])
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    return column.cast(pa.string())


def _plain(value: object) -> object:
    """Arrow's pairs of a map as a dict."""
    if (
        isinstance(value, list)
        and value
        and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value)
    ):
        return dict(value)
    return value


def _encoding(head: bytes) -> str:
    """The declared or likely encoding of a text file."""
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        head[: max(0, len(head) - 3)].decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError as error:
        if error.start >= len(head) - 6:
            return "utf-8"
    from charset_normalizer import from_bytes

    best = from_bytes(head).best()
    return best.encoding if best else "utf-8"


def _read_csv(path: Path, head: bytes) -> pa.Table:
    encoding = _encoding(head)
    sample = head.decode(encoding, errors="replace")
    broken: list[tuple[int | None, str]] = []

    def keep(row: pa_csv.InvalidRow) -> str:
        broken.append((row.number, row.text))
        return "skip"

    names = next(
        csv.reader([sample.splitlines()[0].lstrip("\ufeff")], delimiter=(delimiter := _delimiter(sample)))
    )
    if len(names) < 2 or any("\x00" in name for name in names):
        raise InputError(f"{path} has no header line with column names; nothing was landed tonight.")
    rows = pa_csv.read_csv(
        path,
        read_options=pa_csv.ReadOptions(
            column_names=names, skip_rows=1, encoding=encoding.removesuffix("-sig"), use_threads=False
        ),
        parse_options=pa_csv.ParseOptions(
            delimiter=delimiter, newlines_in_values=True, invalid_row_handler=keep
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            null_values=[""],
            check_utf8=False,
        ),
    )
    lines = _lines_between(rows.num_rows, [number for number, _ in broken if number is not None])
    rows = _replace_invalid(rows).append_column(LINE, pa.array(lines, pa.int64()))
    return _with_broken(rows, [(number or 0, text) for number, text in broken])


def _delimiter(sample: str) -> str:
    first = sample.splitlines()[0] if sample else ""
    counts = {delimiter: first.count(delimiter) for delimiter in ",;\t|"}
    return max(counts, key=lambda delimiter: counts[delimiter]) if any(counts.values()) else ","


def _lines_between(count: int, skipped: list[int]) -> list[int]:
    """Row numbers of the good rows, the header being row 1, when some rows between them were set aside."""
    gaps = set(skipped)
    lines: list[int] = []
    number = 2
    while len(lines) < count:
        if number not in gaps:
            lines.append(number)
        number += 1
    return lines


def _replace_invalid(rows: pa.Table) -> pa.Table:
    """Columns as valid text; bytes that are no text become the replacement character."""
    columns = []
    for column in rows.columns:
        try:
            column.validate(full=True)
            columns.append(column)
        except pa.ArrowInvalid:
            texts = [
                None if value is None else value.decode("utf-8", errors="replace")
                for value in column.cast(pa.binary()).to_pylist()
            ]
            columns.append(pa.chunked_array([pa.array(texts, pa.string())]))
    return pa.table(columns, names=rows.column_names)


def _with_broken(rows: pa.Table, broken: list[tuple[int, str]]) -> pa.Table:
    """The rows with those that could not be parsed behind them, their text in `_raw`."""
    if not broken:
        return rows
    raw = pa.table(
        {
            RAW: pa.array([text for _, text in broken], pa.string()),
            LINE: pa.array([number for number, _ in broken], pa.int64()),
        }
    )
    return pa.concat_tables([rows, raw], promote_options="default")


def _read_json_lines(path: Path, head: bytes) -> pa.Table:
    """One object a line; a line of a JSON array may end with a comma, and brackets alone are no rows."""
    encoding = _encoding(head)
    values: dict[str, list[str | None]] = {}
    lines: list[int] = []
    broken: list[tuple[int, str]] = []
    for number, text in _text_lines(path, encoding):
        row = _json_row(text)
        if row is None:
            broken.append((number, text))
            continue
        for name, value in row.items():
            column = values.setdefault(name, [None] * len(lines))
            column.append(value)
        lines.append(number)
        for column in values.values():
            if len(column) < len(lines):
                column.append(None)
    if not lines and not broken:
        raise InputError(
            f"{path} holds no rows; nothing was landed tonight. Bring the whole file and run again."
        )
    table = pa.table({name: pa.array(column, pa.string()) for name, column in values.items()})
    table = (
        table.append_column(LINE, pa.array(lines, pa.int64()))
        if values
        else pa.table({LINE: pa.array(lines, pa.int64())})
    )
    return _with_broken(table, broken)


def _text_lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    with path.open(encoding=encoding, errors="replace", newline="\n") as stream:
        for number, line in enumerate(stream, 1):
            text = line.strip().lstrip("\ufeff")
            if number == 1 and text.startswith("["):
                text = text[1:].strip()
            if text.endswith(("},", "}]")):
                text = text[:-1]
            if text and text not in ("[", "]", ","):
                yield number, text


def _json_row(text: str) -> dict[str, str | None] | None:
    """The object's values as text, or None for a line that is no object."""
    try:
        row = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or "�" in text:
        return None
    try:
        return {str(name): _json_text(value) for name, value in row.items()}
    except (RecursionError, UnicodeEncodeError):
        return None


def _json_text(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text.encode("utf-8")
    return text


def _conform(
    rows: pa.Table, name: str, contract: Contract, settings: SourceSettings
) -> tuple[pa.Table, set[str]]:
    """Owner's columns and values as the contract names them; unknown columns into `_extra`."""
    ours = {theirs: mine for mine, theirs in settings.columns.items()}
    rows = rows.rename_columns([ours.get(column.strip(), column.strip()) for column in rows.column_names])
    has_rows = rows.num_rows > (
        rows.column(RAW).length() - rows.column(RAW).null_count if RAW in rows.column_names else 0
    )
    missing = [column for column in contract.required if column not in rows.column_names]
    if missing and has_rows:
        there = ", ".join(column for column in rows.column_names if not column.startswith("_"))
        raise InputError(
            f"{name} ({contract.source}) has no column {', '.join(missing)}; it has {there}. Nothing was landed tonight. "
            f"If it is only named differently, say so in handpick.toml: [sources.{contract.source}.columns] "
            f'{missing[0]} = "..."'
        )
    known = {*contract.names, RAW, LINE}
    unknown = [column for column in rows.column_names if column not in known]
    columns = []
    for field in contract.raw_schema():
        if field.name == "_source_file":
            columns.append(pa.array([name] * rows.num_rows, pa.string()))
        elif field.name == "_extra":
            columns.append(_extra(rows, unknown))
        elif field.name in rows.column_names:
            columns.append(_mapped(rows.column(field.name), settings.values.get(field.name, {})))
        else:
            columns.append(pa.nulls(rows.num_rows, field.type))
    return pa.table(columns, schema=contract.raw_schema()), set(unknown)


def _extra(rows: pa.Table, unknown: list[str]) -> pa.Array:
    if not unknown or not rows.num_rows:
        return pa.nulls(rows.num_rows, pa.string())
    kept = rows.select(unknown).to_pylist()
    return pa.array([json.dumps(row, ensure_ascii=False, sort_keys=True) for row in kept], pa.string())


def _mapped(column: pa.ChunkedArray, values: dict[str, str]) -> pa.ChunkedArray:
    if not values:
        return column
    index = pc.index_in(column, pa.array(list(values), pa.string()))
    return pc.if_else(
        pc.is_valid(index), pc.take(pa.array(list(values.values()), pa.string()), index), column
    )

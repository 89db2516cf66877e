"""Reads a pending file of any format into the contract's raw schema: text, with file and line of each row."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pyarrow as pa

from handpick.contracts import Contract
from handpick.errors import InputError
from handpick.night import Night
from handpick.settings.sources import Format, SourceSettings
from handpick.stages.land.compression import unpacked
from handpick.stages.land.json_lines import read_json
from handpick.stages.land.mapping import conform_rows
from handpick.stages.land.parquet import PARQUET_MAGIC, read_parquet
from handpick.stages.land.pending_files import PendingFile
from handpick.stages.land.spreadsheets import is_spreadsheet, read_spreadsheet
from handpick.stages.land.text_csv import DETECTED, CsvLayout, read_csv

DOCUMENTS = {
    b"%PDF": "a PDF",
    b"\xd0\xcf\x11\xe0": "a document of an office program",
    b"ORC": "an ORC file",
    b"Obj\x01": "an Avro file",
    b"SQLite format 3": "an SQLite database",
}
"""First bytes of files that hold no rows which could be read."""


def read_pending_file(
    file: PendingFile, contract: Contract, settings: SourceSettings, night: Night
) -> tuple[pa.Table, set[str]]:
    """Read a pending file into the contract's raw schema.

    Returns:
        The rows, and the names of columns that the contract does not know.

    Raises:
        InputError: If the file is empty, is not in the format that its name says, or lacks a required column.
    """
    if file.path is None:
        # SQLAlchemy is imported only where a source is a query.
        from handpick.stages.land.sql import read_sql

        rows = read_sql(contract, settings, night)
    elif file.path.stat().st_size == 0:
        if settings.needed == "every_night":
            raise InputError(
                f"{file.path} is empty; nothing was landed tonight, and the lists published before stay "
                "current. Bring the whole file and run again, or remove it."
            )
        return contract.raw_schema().empty_table(), set()
    else:
        layout = CsvLayout(settings.delimiter, settings.header)
        rows = read_file(
            file.path, settings.format, settings.encoding, tuple(settings.columns.values()), layout
        )
    # Released rows have the columns and values of the contract: the mapping must not be applied again.
    if file.is_released:
        return conform_rows(rows, file.name, contract, SourceSettings())
    return conform_rows(rows, file.name, contract, _fill_date(settings, night))


def _fill_date(settings: SourceSettings, night: Night) -> SourceSettings:
    """Return the settings with `{logical_date}` in their constants replaced by the night's date."""
    day = night.logical_date.isoformat()
    constants = {name: value.replace("{logical_date}", day) for name, value in settings.constants.items()}
    return settings.model_copy(update={"constants": constants})


def read_file(
    path: Path,
    declared: Format = "auto",
    encoding: str = "",
    hints: Collection[str] = (),
    layout: CsvLayout = DETECTED,
) -> pa.Table:
    """Read a file, compressed or not, into a table of text columns under the owner's names.

    Args:
        path: The file.
        declared: The format, or `auto` to detect it.
        encoding: The encoding of text, or empty to detect it.
        hints: Names of columns that the file should have, which help to detect it.
        layout: What is declared about a CSV file.

    Returns:
        The rows with `_source_line`, with `_raw` where some could not be parsed, and with the doubts about
        how they were read.

    Raises:
        InputError: If the file cannot be read in its format.
    """
    try:
        with unpacked(path) as plain:
            return _read_plain_file(plain, path, declared, encoding, hints, layout)
    except OSError as error:
        raise InputError(_describe_unreadable(path, declared, error)) from None


def _read_plain_file(
    plain: Path, path: Path, declared: Format, encoding: str, hints: Collection[str], layout: CsvLayout
) -> pa.Table:
    """Read a file that is not compressed; messages name the file that arrived."""
    kind = declared if declared not in ("auto", "sql") else detect_format(plain, path)
    try:
        if kind == "parquet":
            return read_parquet(plain)
        if kind == "spreadsheet":
            return read_spreadsheet(plain)
        return read_json(plain, encoding) if kind == "jsonl" else read_csv(plain, encoding, hints, layout)
    except InputError as error:
        raise InputError(str(error).replace(str(plain), str(path))) from None
    # MemoryError: a damaged Parquet file may claim sizes that cannot be allocated.
    except (pa.ArrowException, OSError, UnicodeError, MemoryError) as error:
        raise InputError(_describe_unreadable(path, kind, error)) from None


def _describe_unreadable(path: Path, kind: str, error: BaseException) -> str:
    """Return the message for a file that cannot be read."""
    reason = (str(error) or type(error).__name__).splitlines()[0].removesuffix(".")
    return (
        f"{path} cannot be read{'' if kind == 'auto' else f' as {kind}'}: {reason}. Nothing was landed "
        "tonight, and the lists published before stay current; bring the file again, or remove it and run "
        "the night without it."
    )


def detect_format(path: Path, arrived: Path | None = None) -> str:
    """Detect the format of a file by its first bytes, then by its name.

    Args:
        path: The file.
        arrived: The file that arrived, for messages, if it was compressed.

    Raises:
        InputError: If the file is another kind of document.
    """
    with path.open("rb") as stream:
        head = stream.read(4096)
    if head.startswith(PARQUET_MAGIC) or path.suffix.lower() == ".parquet":
        return "parquet"
    if is_spreadsheet(path):
        return "spreadsheet"
    for mark, what in DOCUMENTS.items():
        if head.startswith(mark):
            raise InputError(
                f"{arrived or path} is {what}, not a CSV, JSON or Parquet file or a spreadsheet; nothing was "
                "landed tonight. Save it as CSV first."
            )
    # A CSV file may begin with a bracket, so the suffixes .csv and .tsv outweigh the first character.
    is_json = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")
    named = path.suffix.lower() in {".json", ".jsonl", ".ndjson"}
    return "jsonl" if named or (is_json and path.suffix.lower() not in {".csv", ".tsv"}) else "csv"

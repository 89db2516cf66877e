"""Reads a pending file of any format into the contract's raw schema: text, with file and line of each row."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from handpick.contracts import Contract
from handpick.errors import InputError
from handpick.night import Night
from handpick.settings.sources import Format, SourceSettings
from handpick.stages.land.json_lines import read_json
from handpick.stages.land.mapping import conform_rows
from handpick.stages.land.parquet import PARQUET_MAGIC, read_parquet
from handpick.stages.land.pending_files import PendingFile
from handpick.stages.land.text_csv import read_csv

READERS = {"parquet": read_parquet, "jsonl": read_json, "csv": read_csv}
ARCHIVES = {b"PK\x03\x04": "a ZIP archive", b"\x1f\x8b": "compressed with gzip", b"%PDF": "a PDF"}


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
        rows = read_file(file.path, settings.format)
    # Released rows have the columns and values of the contract: the mapping must not be applied again.
    if file.is_released:
        return conform_rows(rows, file.name, contract, SourceSettings())
    return conform_rows(rows, file.name, contract, _fill_date(settings, night))


def _fill_date(settings: SourceSettings, night: Night) -> SourceSettings:
    """Return the settings with `{logical_date}` in their constants replaced by the night's date."""
    day = night.logical_date.isoformat()
    constants = {name: value.replace("{logical_date}", day) for name, value in settings.constants.items()}
    return settings.model_copy(update={"constants": constants})


def read_file(path: Path, declared: Format = "auto") -> pa.Table:
    """Read a file into a table of text columns under the owner's names.

    Args:
        path: The file.
        declared: The format, or `auto` to detect it.

    Returns:
        The rows with `_source_line`, and with `_raw` where some could not be parsed.

    Raises:
        InputError: If the file cannot be read in its format.
    """
    kind = declared if declared != "auto" else detect_format(path)
    try:
        return READERS[kind](path)
    # MemoryError: a damaged Parquet file may claim sizes that cannot be allocated.
    except (pa.ArrowException, OSError, UnicodeError, MemoryError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0].removesuffix(".")
        raise InputError(
            f"{path} cannot be read as {kind}: {reason}. Nothing was landed tonight, and the lists "
            "published before stay current; bring the file again, or remove it and run the night without it."
        ) from None


def detect_format(path: Path) -> str:
    """Detect the format of a file by its first bytes, then by its name.

    Raises:
        InputError: If the file is an archive or another kind of document.
    """
    with path.open("rb") as stream:
        head = stream.read(4096)
    if head.startswith(PARQUET_MAGIC) or path.suffix.lower() == ".parquet":
        return "parquet"
    for mark, what in ARCHIVES.items():
        if head.startswith(mark):
            raise InputError(
                f"{path} is {what}, not a CSV, JSON or Parquet file; nothing was landed tonight. Unpack it "
                "first."
            )
    # A CSV file may begin with a bracket, so the suffixes .csv and .tsv outweigh the first character.
    is_json = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")
    named = path.suffix.lower() in {".json", ".jsonl", ".ndjson"}
    return "jsonl" if named or (is_json and path.suffix.lower() not in {".csv", ".tsv"}) else "csv"

"""Readers of the owner's formats: each gives every row as text, in the contract's columns, with file and line."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from handpick.contracts import Contract
from handpick.errors import InputError
from handpick.night import Night
from handpick.settings.sources import Format, SourceSettings
from handpick.stages.land.json_lines import read_json
from handpick.stages.land.mapping import conform
from handpick.stages.land.parquet import MAGIC, read_parquet
from handpick.stages.land.pending_files import Arrival
from handpick.stages.land.text_csv import read_csv

READERS = {"parquet": read_parquet, "jsonl": read_json, "csv": read_csv}
ARCHIVES = {b"PK\x03\x04": "a ZIP archive", b"\x1f\x8b": "compressed with gzip", b"%PDF": "a PDF"}


def read(
    arrival: Arrival, contract: Contract, settings: SourceSettings, night: Night
) -> tuple[pa.Table, set[str]]:
    """A file's rows in the contract's raw schema, and the names of columns that the contract does not know.

    Raises:
        InputError: If the file is empty, is not what its name says, or lacks a required column.
    """
    if arrival.path is None:
        from handpick.stages.land.sql import read_sql

        rows = read_sql(contract, settings, night)
    elif arrival.path.stat().st_size == 0:
        if settings.needed == "every_night":
            raise InputError(
                f"{arrival.path} is empty; nothing was landed tonight, and the lists published before stay current. "
                f"Bring the whole file and run again, or remove it."
            )
        return contract.raw_schema().empty_table(), set()
    else:
        rows = read_file(arrival.path, settings.format)
    if arrival.is_released:
        return conform(rows, arrival.name, contract, SourceSettings())
    return conform(rows, arrival.name, contract, _dated(settings, night))


def _dated(settings: SourceSettings, night: Night) -> SourceSettings:
    """The same settings, the night's date in their constants."""
    day = night.logical_date.isoformat()
    constants = {name: value.replace("{logical_date}", day) for name, value in settings.constants.items()}
    return settings.model_copy(update={"constants": constants})


def read_file(path: Path, declared: Format = "auto") -> pa.Table:
    """A file's rows as text under the owner's names, with `_source_line`, and `_raw` where unparsable.

    Raises:
        InputError: If it cannot be read as what it is.
    """
    kind = declared if declared != "auto" else kind_of(path)
    try:
        return READERS[kind](path)
    except (pa.ArrowException, OSError, UnicodeError, MemoryError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0].removesuffix(".")
        raise InputError(
            f"{path} cannot be read as {kind}: {reason}. Nothing was landed tonight, and the lists published before stay "
            "current; bring the file again, or take it away and run the night without it."
        ) from None


def kind_of(path: Path) -> str:
    """The format by first bytes, then by name.

    Raises:
        InputError: If the bytes are an archive or another kind of document.
    """
    with path.open("rb") as stream:
        head = stream.read(4096)
    if head.startswith(MAGIC) or path.suffix.lower() == ".parquet":
        return "parquet"
    for mark, what in ARCHIVES.items():
        if head.startswith(mark):
            raise InputError(
                f"{path} is {what}, not a CSV, JSON or Parquet file; nothing was landed tonight. Unpack it first."
            )
    is_json = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")
    named = path.suffix.lower() in {".json", ".jsonl", ".ndjson"}
    return "jsonl" if named or (is_json and path.suffix.lower() not in {".csv", ".tsv"}) else "csv"

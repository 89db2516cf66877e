"""Erases a person's rows from a landing file of any format, so that all other rows read as before."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from handpick.contracts import CONTRACTS
from handpick.errors import InputError
from handpick.night import Night
from handpick.stages.land.compression import find_compression, unpacked
from handpick.stages.land.file_formats import detect_format, read_pending_file
from handpick.stages.land.pending_files import PendingFile, can_hold_rows
from handpick.stages.land.spreadsheets import is_spreadsheet
from handpick.stages.land.unparsable_rows import LINE_COLUMN

STAGED_PREFIX = ".erasing-"
"""Start of the name of a file without the person, until it replaces the one that arrived."""

FindRows = Callable[[pa.Table], pa.ChunkedArray | None]
"""Returns whether each row of a table is the person's."""


class CannotErase(Exception):
    """A landing file that cannot be written without some of its rows; says why."""


def stage_without_rows(
    night: Night, source: str, file: Path, name: str, find_rows: FindRows
) -> tuple[Path, int] | None:
    """Write a landing file without a person's rows beside itself, under a hidden name.

    Rows of text files become blank lines, so that all others keep their line.

    Args:
        night: Any night; gives the settings of the source.
        source: Its source.
        file: The file.
        name: Its name in the manifests.
        find_rows: Tells which rows are the person's.

    Returns:
        The new file and the number of rows that it lacks; None where the file has no row of the person.

    Raises:
        CannotErase: If the file cannot be read, is of a format that is not written here, or would not read as
            before.
    """
    pending = PendingFile(name, file, is_released=name.startswith("released/"))
    contract, settings = CONTRACTS[source], night.settings.sources.of(source)
    try:
        rows, _ = read_pending_file(pending, contract, settings, night)
    except InputError as error:
        raise CannotErase(str(error)) from None
    found = find_rows(rows)
    own = rows.filter(found) if found is not None else rows.slice(0, 0)
    if not own.num_rows:
        return None
    staged = file.with_name(f"{STAGED_PREFIX}{file.name}")
    try:
        _rewrite(file, staged, set(own.column(LINE_COLUMN).to_pylist()), rows.column(LINE_COLUMN))
        after, _ = read_pending_file(
            PendingFile(name, staged, pending.is_released), contract, settings, night
        )
        others = rows.filter(pc.invert(found))
        kept = [column for column in others.column_names if column not in ("_source_file", LINE_COLUMN)]
        if not after.select(kept).equals(others.select(kept)):
            raise CannotErase("its other rows would not read as before")
    except (InputError, OSError, ValueError, UnicodeError, pa.ArrowException) as error:
        staged.unlink(missing_ok=True)
        raise CannotErase(str(error).splitlines()[0]) from None
    except CannotErase:
        staged.unlink(missing_ok=True)
        raise
    # As old as the file that arrived, so that no night takes it for a new one.
    status = file.stat()
    os.utime(staged, ns=(status.st_atime_ns, status.st_mtime_ns))
    staged.chmod(status.st_mode)
    return staged, own.num_rows


def list_landing_files(folder: Path) -> list[Path]:
    """Return the files of a landing folder that can hold rows."""
    files = [folder] if folder.is_file() else sorted(folder.rglob("*"))
    return [file for file in files if file.is_file() and can_hold_rows(file)]


def _rewrite(file: Path, staged: Path, lines: set[int], all_lines: pa.ChunkedArray) -> None:
    """Write a file without the rows on some lines, packed as it was."""
    with file.open("rb") as stream:
        compression = find_compression(stream.read(8))
    if is_spreadsheet(file):
        raise CannotErase("spreadsheets are not written here")
    with unpacked(file) as plain, TemporaryDirectory(prefix="handpick-erase-") as folder:
        made = Path(folder) / plain.name
        kind = detect_format(plain)
        if kind == "parquet":
            _rewrite_parquet(plain, made, lines)
        elif not _rewrite_document(plain, made, lines, all_lines):
            _blank_lines(plain, made, lines, all_lines)
        _pack(made, staged, compression, plain.name)


def _rewrite_parquet(plain: Path, made: Path, lines: set[int]) -> None:
    """Write a Parquet file without some rows, compressed as it was."""
    opened = pq.ParquetFile(plain)
    rows = opened.read()
    is_kept = np.ones(rows.num_rows, np.bool_)
    is_kept[[line - 1 for line in lines]] = False
    columns = opened.metadata.row_group(0).column(0).compression if opened.num_row_groups else "SNAPPY"
    pq.write_table(rows.filter(pa.array(is_kept)), made, compression=columns.replace("UNCOMPRESSED", "NONE"))


def _rewrite_document(plain: Path, made: Path, lines: set[int], all_lines: pa.ChunkedArray) -> bool:
    """Write a JSON document without some of its objects; return False for a file of lines."""
    if detect_format(plain) != "jsonl":
        return False
    try:
        document: Any = json.loads(plain.read_bytes())
    except ValueError:
        return False
    if isinstance(document, dict):
        lists = [name for name, value in document.items() if isinstance(value, list)]
        holder, name = (document, lists[0]) if len(lists) == 1 else ({}, "")
        found = holder.get(name, [])
    else:
        holder, name, found = {"": document}, "", document
    numbers = all_lines.to_pylist()
    if not isinstance(found, list) or len(found) != len(numbers) or len(set(numbers)) != len(numbers):
        return False
    holder[name] = [one for one, line in zip(found, numbers, strict=True) if line not in lines]
    text = json.dumps(document if isinstance(document, dict) else holder[""], ensure_ascii=False, indent=1)
    made.write_text(text + "\n")
    return True


def _blank_lines(plain: Path, made: Path, lines: set[int], all_lines: pa.ChunkedArray) -> None:
    """Write a text file in which the rows that start on some lines are blank, on all lines that they span."""
    content = plain.read_bytes()
    if b"\x00" in content[:4096]:
        raise CannotErase("text of two bytes a letter is not written here")
    parts = content.split(b"\n")
    starts = sorted({int(line) for line in all_lines.to_pylist()})
    for start, following in zip(starts, [*starts[1:], len(parts) + 1], strict=True):
        if start in lines:
            parts[start - 1 : following - 1] = [b""] * (following - start)
    made.write_bytes(b"\n".join(parts))


def _pack(made: Path, staged: Path, compression: str, name: str) -> None:
    """Pack a file as the one that arrived was packed."""
    if not compression:
        shutil.copyfile(made, staged)
    elif compression == "ZIP":
        with zipfile.ZipFile(staged, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(made, name)
    elif compression == "zstd":
        with pa.OSFile(str(staged), "wb") as raw, pa.CompressedOutputStream(raw, "zstd") as out:
            out.write(made.read_bytes())
    else:
        openers: dict[str, Callable[..., Any]] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
        with openers[compression](staged, "wb") as out:
            out.write(made.read_bytes())

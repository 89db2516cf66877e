"""Reads spreadsheets (XLSX, XLSM, XLS, ODS): one sheet, as text columns with the line of each row."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from handpick.errors import InputError
from handpick.stages.land.csv_dialect import make_distinct
from handpick.stages.land.doubts import add_doubts
from handpick.stages.land.unparsable_rows import LINE_COLUMN

SPREADSHEETS = frozenset({".xlsx", ".xls", ".xlsm", ".ods"})
"""Endings of spreadsheets."""
MAX_SHEET_BYTES = 1 << 31
"""A spreadsheet that unpacks to more is damaged, or made to fill the memory: a sheet has a million rows."""
MAX_TITLE_ROWS = 20


def is_spreadsheet(path: Path) -> bool:
    """Return whether a file is a spreadsheet, by its content or, where that is damaged, by its name."""
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError):
            names = []
        if any(name.startswith("xl/") for name in names) or {"mimetype", "content.xml"} <= set(names):
            return True
    return path.suffix.lower() in SPREADSHEETS


def read_spreadsheet(path: Path) -> pa.Table:
    """Read the sheet with the most rows as text columns; a title above the header is skipped.

    Numbers are written as they are shown without a format (`1`, `249.9`), days as `2026-01-10`, moments as
    `2026-01-10 06:00:00`.

    Raises:
        InputError: If the file is damaged, locked with a password or holds no table.
    """
    import python_calamine

    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > MAX_SHEET_BYTES:
                    raise InputError(f"{path} unpacks to more than {MAX_SHEET_BYTES >> 30} GiB")
        with python_calamine.load_workbook(str(path)) as book:
            shown = [
                sheet.name
                for sheet in book.sheets_metadata
                if sheet.typ == python_calamine.SheetTypeEnum.WorkSheet
                and sheet.visible == python_calamine.SheetVisibleEnum.Visible
            ]
            sheets = {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in shown}
    except python_calamine.PasswordError:
        raise InputError(f"{path} is locked with a password; save it without one.") from None
    except (python_calamine.CalamineError, zipfile.BadZipFile, OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a spreadsheet: {_get_first_line(error)}") from None
    except BaseException as error:
        # The reader's panics on damaged files derive from no Exception.
        if type(error).__name__ != "PanicException":
            raise
        raise InputError(f"{path} cannot be read as a spreadsheet: it is damaged") from None
    tables = {name: rows for name, rows in sheets.items() if _find_header(rows) is not None}
    if not tables:
        raise InputError(f"{path} has no sheet with a header and rows; nothing was landed tonight.")
    chosen = max(tables, key=lambda name: len(tables[name]))
    table = _build_table(tables[chosen])
    others = [name for name in tables if name != chosen]
    doubts = [f"has several sheets: {chosen} is read, {', '.join(others)} not"] if others else []
    return add_doubts(table, doubts)


def _get_first_line(error: BaseException) -> str:
    """Return the first line of an error's text, without a dot at its end."""
    return (str(error) or type(error).__name__).splitlines()[0].removesuffix(".")


def _find_header(rows: Sequence[Sequence[Any]]) -> int | None:
    """Return the number of the header's row: the first that is filled like the rows below; None for none."""
    filled = [sum(cell not in ("", None) for cell in row) for row in rows[: MAX_TITLE_ROWS + 1]]
    widest = max(filled, default=0)
    if widest < 2:
        return None
    return next(number for number, count in enumerate(filled) if count > widest / 2)


def _build_table(rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Build the table of a sheet: the columns that the header names or rows fill."""
    header = _find_header(rows)
    assert header is not None
    body = [
        (number, row)
        for number, row in enumerate(rows[header + 1 :], header + 2)
        if any(cell not in ("", None) for cell in row)
    ]
    width = max(len(rows[header]), *(len(row) for _, row in body)) if body else len(rows[header])
    names = [(_write_cell(cell) or "").strip() for cell in rows[header]]
    names += [""] * (width - len(names))
    columns = [[_write_cell(row[at]) if at < len(row) else None for _, row in body] for at in range(width)]
    kept = [at for at in range(width) if names[at] or any(value is not None for value in columns[at])]
    return pa.table(
        [pa.array(columns[at], pa.string()) for at in kept]
        + [pa.array([number for number, _ in body], pa.int64())],
        names=[*make_distinct([names[at] for at in kept]), LINE_COLUMN],
    )


def _write_cell(cell: Any) -> str | None:
    """Write a cell as text; an empty one is null."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 2**53 else repr(cell)
    if isinstance(cell, dt.datetime):
        return cell.isoformat(sep=" ")
    return cell.isoformat() if isinstance(cell, dt.date | dt.time) else str(cell)

"""Releases quarantined rows into a later night, unchanged or edited by hand in a file of JSON lines."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from handpick.contracts import CONTRACTS
from handpick.errors import InputError
from handpick.night import Night
from handpick.quarantine.released_files import get_released_folder, name_released_file
from handpick.quarantine.selection import Selection, select_rows


def export_rows(night: Night, chosen: Selection) -> str:
    """Return the selected rows as JSON lines in the contract's columns, for correction in an editor.

    The fields `_rules`, `_raw`, `_source_file` and `_source_line` are for the reader; releasing ignores them.
    """
    rows = select_rows(night.lake, night.logical_date, chosen).to_pylist()
    names = CONTRACTS[chosen.source].column_names
    exported_rows = [
        {
            **{name: row[name] for name in names},
            **{name: row[name] for name in ("_raw", "_rules", "_source_file", "_source_line") if row[name]},
        }
        for row in rows
    ]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in exported_rows)


def release_selection(
    night: Night, chosen: Selection, into: date, corrected: Path | None = None
) -> tuple[Path | None, int]:
    """Write rows to the folder from which a later night lands them and validates them again.

    Args:
        night: The night that quarantined the rows.
        chosen: The source, and the rows to release where `corrected` is None.
        into: The logical date of the night that will land the rows.
        corrected: A file of JSON lines in the contract's columns, as `export_rows` returns them.

    Returns:
        The file written (None if no row was selected) and its number of rows. Releasing the same rows into
        the same night again writes the same file.

    Raises:
        InputError: If `into` is not a later night or has landed already, or if the corrected file is not JSON
            lines.
    """
    if into <= night.logical_date:
        raise InputError(f"{into} is not after {night.logical_date}: released rows go into a later night.")
    if night.lake.has(f"raw/{chosen.source}", into):
        raise InputError(f"{into} has landed already; release into a night that has not, with --into.")
    text = export_rows(night, chosen) if corrected is None else _read_text(corrected)
    # Line feeds alone end lines: a text may hold U+2028, at which splitlines would cut it.
    lines = [_parse_line(line, chosen.source, corrected) for line in text.split("\n") if line.strip()]
    if not lines:
        return None, 0
    # Sorted keys: the same rows give the same bytes, and so the same file name.
    body = "".join(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in lines)
    folder = get_released_folder(night.lake, chosen.source)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / name_released_file(into, body)
    # A hidden name until the file is whole, as a night that lands meanwhile takes every visible file.
    staged = folder / f".{file.name}.tmp"
    staged.write_text(body, encoding="utf-8")
    staged.replace(file)
    return file, len(lines)


def _read_text(file: Path) -> str:
    """Return the text of the corrected file, or raise an InputError."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise InputError(f"{file} cannot be read: {error}. Nothing was released.") from None


def _parse_line(line: str, source: str, file: Path | None) -> dict[str, str | None]:
    """Return the contract columns of a row, without the fields that only explain it."""
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise InputError(f"{file}: {line[:60]!r} is not a JSON object. Nothing was released.")
    return {name: row.get(name) for name in CONTRACTS[source].column_names}

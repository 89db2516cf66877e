"""Quarantined rows back into a night: as they are, or mended by hand in a file of JSON lines."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path

from handpick.contracts import CONTRACTS
from handpick.errors import InputError
from handpick.night import Night
from handpick.quarantine.rows import Selection, select
from handpick.stages.land.pending_files import released_folder


def exported(night: Night, chosen: Selection) -> str:
    """The chosen rows as JSON lines in the contract's columns, to be mended in an editor.

    `_rules`, `_raw` and the origin are there to read; releasing ignores them.
    """
    rows = select(night.lake, night.logical_date, chosen).to_pylist()
    names = CONTRACTS[chosen.source].names
    shown = [
        {
            **{name: row[name] for name in names},
            **{name: row[name] for name in ("_raw", "_rules", "_source_file", "_source_line") if row[name]},
        }
        for row in rows
    ]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in shown)


def release(
    night: Night, chosen: Selection, into: date, mended: Path | None = None
) -> tuple[Path | None, int]:
    """Put rows where the land stage of a later night takes them; they are validated again like any other.

    Args:
        night: The night in whose quarantine they lie.
        chosen: Which rows, where none were mended.
        into: The night that takes them.
        mended: A file of JSON lines in the contract's columns, as `exported` writes it.

    Returns:
        The file written (None if no row was chosen) and its number of rows. Releasing the same rows into the same
        night again writes the same file.

    Raises:
        InputError: If the night is not a later one, has landed already, or the mended file is not JSON lines.
    """
    if into <= night.logical_date:
        raise InputError(f"{into} is not after {night.logical_date}: released rows go into a later night.")
    if night.lake.has(f"raw/{chosen.source}", into):
        raise InputError(f"{into} has landed already; release into a night that has not, with --into.")
    text = exported(night, chosen) if mended is None else _read(mended)
    lines = [_clean(line, chosen.source, mended) for line in text.splitlines() if line.strip()]
    if not lines:
        return None, 0
    body = "".join(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n" for line in lines)
    digest = hashlib.sha256(body.encode()).hexdigest()[:12]
    folder = released_folder(night, chosen.source)
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{into.isoformat()}-{digest}.jsonl"
    staged = folder / f".{file.name}.tmp"
    staged.write_text(body, encoding="utf-8")
    staged.replace(file)
    return file, len(lines)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise InputError(f"{file} cannot be read: {error}. Nothing was released.") from None


def _clean(line: str, source: str, file: Path | None) -> dict[str, str | None]:
    """A row's contract columns; what only explains is left behind."""
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise InputError(f"{file}: {line[:60]!r} is not a JSON object. Nothing was released.")
    return {name: row.get(name) for name in CONTRACTS[source].names}

"""The preview of a catalogue: what a night would read of ten phones, so that a person sees a mistake."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.table import Table
from rich.text import Text

from handpick.contracts import CONTRACTS
from handpick.errors import HandpickError
from handpick.night import Night

SHOWN_PHONES = 10
MAX_TITLE_LETTERS = 18
SHOWN_SPECS = {
    "display_inches": ("display", "inch"),
    "battery_mah": ("battery", "mAh"),
    "ram_gb": ("RAM", "GB"),
    "storage_gb": ("storage", "GB"),
    "main_camera_mp": ("camera", "MP"),
    "weight_g": ("weight", "g"),
}
"""By spec, the two lines of its header: what it is, and its unit."""


def preview_catalog(night: Night) -> Table | None:
    """Build a table of what would be read of ten phones that are pending; None where none are.

    Args:
        night: Gives the settings and the files that have arrived.
    """
    rows = _read_some_phones(night)
    if not rows:
        return None
    table = Table(
        title=f"What a night would read of {len(rows)} phones (empty: not stated, or not understood)",
        title_justify="left",
        header_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    phones = [_describe_phone(row, night) for row in rows]
    headers = ("price", "released", *("\n".join(header) for header in SHOWN_SPECS.values()))
    # Titles are cut, so that the values fit a narrow terminal.
    table.add_column("phone", no_wrap=True)
    for header, values in zip(headers, list(zip(*phones, strict=True))[1:], strict=True):
        table.add_column(
            header, justify="right", no_wrap=True, min_width=max(map(len, (*header.split("\n"), *values)))
        )
    for phone in phones:
        table.add_row(*map(Text, phone))
    return table


def _read_some_phones(night: Night) -> list[dict[str, Any]]:
    """Read ten phones, spread over the first pending file, as land would; empty if no file can be read."""
    from handpick.stages.land.public import list_pending_files, read_pending_file

    contract, settings = CONTRACTS["catalog"], night.settings.sources.catalog
    try:
        files = list_pending_files(night, "catalog")
        if not files:
            return []
        landed, _ = read_pending_file(files[0], contract, settings, night)
    except HandpickError:
        return []  # `check` reports it
    step = max(1, landed.num_rows // SHOWN_PHONES)
    shown = landed.take(list(range(0, landed.num_rows, step))[:SHOWN_PHONES])
    phones: list[dict[str, Any]] = shown.to_pylist()
    return phones


def _write_amount(amount: float | None, unit: str) -> str:
    """Write an amount in its column's unit; memory below 1 GB in MB."""
    if amount is None:
        return ""
    return f"{amount * 1024:.0f} MB" if unit == "GB" and amount < 1 else f"{amount:g}"


def _describe_phone(row: dict[str, Any], night: Night) -> Sequence[str]:
    """Return the cells of one phone."""
    from handpick.stages.transform.public import load_sheet, read_specs

    keys = {str(spec): named for spec, named in night.settings.transform.spec_keys.items()}
    specs = read_specs(load_sheet(row["specs"]), row["title"] or "", row["description"] or "", keys)
    title = (row["title"] or row["item_id"] or "")[:MAX_TITLE_LETTERS]
    price = f"{row['price']} {row['currency'] or night.settings.shop.currency}" if row["price"] else ""
    shown = [_write_amount(specs[name], unit) for name, (_, unit) in SHOWN_SPECS.items()]
    return title, price, row["release_date"] or "", *shown

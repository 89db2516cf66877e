"""Imports a scraped gsmarena.com catalogue as `catalog`: a row per phone, with its raw spec sheet."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from handpick.demo.public_data.spec_patterns import parse_first_date, parse_prices
from handpick.errors import InputError
from handpick.ledger.flows import Flow

PAGE = re.compile(r"(?P<maker>[^/]+?)_[^/]*-(?P<number>\d+)\.php$")
TWO_WORD_BRANDS = ("Sony Ericsson",)
NOT_SPECS = {"name", "timestamp"}
"""Columns that other columns of `catalog` hold in full; all others become the spec sheet."""


def import_gsmarena(
    file: Path, landing: Path, currency: str, taken_on: date | None = None
) -> tuple[Path, Flow]:
    """Write a landing file of `catalog` from a CSV with `name`, `url` and a column per specification.

    Args:
        file: The scraped CSV.
        landing: The landing folder.
        currency: ISO 4217 code of the price that is taken where a sheet states several.
        taken_on: Day of the scrape; None for the day of the newest `timestamp`.

    Returns:
        The file written, and the ledger line, which counts every row that was left out by reason.

    Raises:
        InputError: If the file has no column `name`, or no timestamp and `taken_on` is None; nothing was
            written.
    """
    from handpick.demo.landing import write_json_lines
    from handpick.stages.land.file_formats import read_file

    scraped = read_file(file, "csv")
    if "name" not in scraped.column_names:
        raise InputError(
            f"{file} has no column name; it has {', '.join(scraped.column_names[:12])}. Nothing was written."
        )
    rows = [{key: value for key, value in row.items() if value} for row in scraped.to_pylist()]
    day = taken_on or _find_newest_day(rows)
    if day is None:
        raise InputError(
            f"{file} does not state when it was scraped (no timestamp); nothing was written. Set --date "
            "YYYY-MM-DD."
        )
    kept, dropped = build_catalog_rows(rows, currency, day)
    path = landing / "catalog" / f"catalog-{day}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json_lines(path, kept)
    return path, Flow("catalog", len(rows), len(kept), dropped)


def build_catalog_rows(
    rows: Iterable[Mapping[str, str]], currency: str, day: date
) -> tuple[list[dict[str, Any]], Counter[str]]:
    """Build the rows of `catalog` in the file's order, and count the rows that were left out by reason."""
    kept: dict[str, dict[str, Any]] = {}
    dropped: Counter[str] = Counter()
    for row in rows:
        if "_raw" in row:
            dropped["line is not CSV"] += 1
        elif not row.get("name", "").strip():
            dropped["phone without a name"] += 1
        else:
            phone = _build_catalog_row(row, currency, day)
            if phone["item_id"] in kept:
                dropped["same page again"] += 1
            # The first row of a page is kept, as later ones are repetitions of the scrape.
            kept.setdefault(phone["item_id"], phone)
    return list(kept.values()), dropped


def _build_catalog_row(row: Mapping[str, str], currency: str, day: date) -> dict[str, Any]:
    """Build the catalog row of a phone."""
    title = " ".join(row["name"].split())
    page = PAGE.search(row.get("url", ""))
    stated = parse_prices(row.get("price", ""))
    unit = currency if currency in stated else next(iter(stated), None)
    released = extract_release_date(row.get("announced", ""), row.get("status", ""))
    sheet = {key: value for key, value in row.items() if key not in NOT_SPECS and not key.startswith("_")}
    return {
        "item_id": f"gsmarena-{page['number']}"
        if page
        else re.sub(r"[^\w+]+", "-", title.lower()).strip("-"),
        "title": title,
        "brand": extract_brand(title, page["maker"] if page else ""),
        "description": None,
        "specs": json.dumps(sheet, ensure_ascii=False),
        "price": stated[unit] if unit else None,
        "currency": unit,
        "release_date": released.isoformat() if released else None,
        "in_stock": row.get("status", "").startswith("Available"),
        "image_path": None,
        "updated_at": row.get("timestamp") or f"{day.isoformat()}T00:00:00Z",
    }


def extract_brand(title: str, maker: str) -> str:
    """Return the brand as the title spells it.

    These are the words that match the maker in the page's URL, else the first word.
    """
    for brand in TWO_WORD_BRANDS:
        if title.lower().startswith(brand.lower() + " "):
            return title[: len(brand)]
    words = title.split()
    maker_letters = re.sub(r"\W", "", maker.lower())
    for count in range(1, len(words)):
        if re.sub(r"\W", "", "".join(words[:count]).lower()) == maker_letters:
            return " ".join(words[:count])
    return words[0]


def extract_release_date(announced: str, status: str) -> date | None:
    """Return the first day of sale from the status or else the announcement; None if unknown or cancelled."""
    if status.startswith("Cancelled"):
        return None
    # "Released" and "release" in either text, then the announcement itself.
    texts = status.partition("elease")[2], announced.partition("elease")[2], announced
    days = [day for day in map(parse_first_date, texts) if day is not None]
    return days[0] if days else None


def _find_newest_day(rows: Iterable[Mapping[str, str]]) -> date | None:
    """Return the day of the newest timestamp, or None."""
    stamps = [row["timestamp"] for row in rows if re.match(r"\d{4}-\d{2}-\d{2}", row.get("timestamp", ""))]
    return date.fromisoformat(max(stamps)[:10]) if stamps else None

"""Measures what is read of other shops' catalogues, straight from `handpick init`, against hand-read values.

`benchmarks/expectations/catalogues.csv` holds what a person found stated of a sample of each catalogue in
`../shared`: price, currency, release (a day, or a year alone), display, battery, memory, storage, cameras and
weight; empty if it is not stated.

`written_shops.json` holds sheets in the ways of shops in twelve languages, with what they state. They were
written in two rounds, each after the tables of synonyms: when first read, 89.8 % of the first round's values
were found and 93.8 % of the second's, and 100 % and 99.3 % of those found were right. The tables have been
completed since.
"""

from __future__ import annotations

import csv
import json
import re
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Any

from benchmarks.benchmark import DATA, Unavailable
from benchmarks.demo_shops import use_settings

EXPECTED = Path(__file__).parent / "expectations" / "catalogues.csv"
WRITTEN = Path(__file__).parent / "expectations" / "written_shops.json"
CASES = DATA.parent / "cases" / "catalogues"
FILES = {
    "mobiles2025": CASES / "mobiles2025_one_decimal_comma.csv",
    "ndtv": CASES / "ndtv_units_in_headers.csv",
    "pd_v": CASES / "pd_v_bare_numbers_and_colors_available.csv",
    "pd_v_titles": CASES / "pd_v_variant_titles.csv",
    "flipkart": CASES / "flipkart_specs_in_text.csv",
    "spanish": CASES / "spanish_specs.json",
    "phone_shop": DATA / "phone-shop" / "api" / "products.json",
    "amazon": DATA / "amazon-phones" / "items.csv",
}
"""The catalogues that are measured. The expectations also hold rows of `chinese`, a log, which is not."""
SPECS = (
    "display_inches", "battery_mah", "ram_gb", "storage_gb", "main_camera_mp", "selfie_camera_mp", "weight_g",
)  # fmt: skip
NIGHT = date(2026, 1, 10)
TOLERANCE = 0.001

Values = dict[str, Any]


def measure() -> dict[str, Any]:
    """Measure the share of stated values that is found, and of found values that is right, by catalogue."""
    if not CASES.is_dir():
        raise Unavailable(f"the shared catalogues are not in {CASES}")
    expected = load_expectations()
    measured: dict[str, Any] = {}
    total = Counts()
    for name, file in FILES.items():
        counts = compare(expected[name], read_catalogue(file, expected[name]))
        total = total.add(counts)
        measured |= {f"{name}_found": counts.found_share, f"{name}_right": counts.right_share}
        print(f"{name:<12} {counts}", flush=True)
    written = compare(*read_written())
    return {
        "found": total.found_share,
        "right": total.right_share,
        "written_found": written.found_share,
        "written_right": written.right_share,
        **measured,
    }


class Counts:
    """Counts of values: stated, found among the stated, found at all, right; and which were not right."""

    def __init__(self, stated: int = 0, found: int = 0, read: int = 0, right: int = 0) -> None:
        self.stated, self.found, self.read, self.right = stated, found, read, right
        self.wrong: list[str] = []

    def add(self, other: Counts) -> Counts:
        """Return the sum of two counts."""
        both = Counts(
            *(getattr(self, name) + getattr(other, name) for name in ("stated", "found", "read", "right"))
        )
        both.wrong = self.wrong + other.wrong
        return both

    @property
    def found_share(self) -> float:
        """Found values as a share of those stated."""
        return self.found / max(self.stated, 1)

    @property
    def right_share(self) -> float:
        """Right values as a share of those found, stated or not."""
        return self.right / max(self.read, 1)

    def __str__(self) -> str:
        told = f"{self.stated} stated, {self.found_share:.1%} found, {self.right_share:.1%} right"
        return f"{told}; {', '.join(self.wrong[:8])}" if self.wrong else told


def compare(expected: dict[str, Values], found: dict[str, Values]) -> Counts:
    """Compare read values with expected ones; both by row and name."""
    counts = Counts()
    for row, values in expected.items():
        for name, value in values.items():
            got = found.get(row, {}).get(name)
            counts.stated += value is not None
            counts.found += value is not None and got is not None
            counts.read += got is not None
            if got is not None and is_equal(value, got):
                counts.right += 1
            elif value is not None or got is not None:
                counts.wrong.append(f"{row}.{name}: {got} for {value}")
    return counts


def is_equal(value: Any, got: Any) -> bool:
    """Return whether a read value is what is stated; of a year alone, any day of it."""
    if isinstance(value, str):
        return str(got).startswith(value)
    return value is not None and abs(got - value) <= max(TOLERANCE * value, 1e-4)


def load_expectations() -> dict[str, dict[str, Values]]:
    """Return the hand-read values by catalogue and row."""
    found: dict[str, dict[str, Values]] = defaultdict(dict)
    with EXPECTED.open(newline="") as file:
        for row in csv.DictReader(file):
            numbers = {name: float(row[name]) if row[name] else None for name in ("price", *SPECS)}
            texts = {name: row[name] or None for name in ("currency", "released")}
            found[row["catalogue"]][row["row"]] = {**numbers, **texts}
    return found


def read_catalogue(file: Path, rows: Iterable[str]) -> dict[str, Values]:
    """Return what a night would read of a catalogue's rows with the settings that `init` proposes.

    Args:
        file: The catalogue.
        rows: Ids, or numbers of rows from 0.
    """
    from handpick.night import Night
    from handpick.settings.load import load
    from handpick.stages.land.proposed_settings import render_settings
    from handpick.stages.land.public import run
    from handpick.stages.land.source_discovery import discover_sources

    with tempfile.TemporaryDirectory(prefix="handpick-catalogue-") as folder:
        home = Path(folder)
        shutil.copy(file, home / file.name)
        found, rest = discover_sources(str(home))
        proposals = [proposal for proposal in found if proposal.source == "catalog"]
        (home / "handpick.toml").write_text(render_settings(proposals, str(home), rest), encoding="utf-8")
        with use_settings(home / "handpick.toml"):
            night = Night(load(lake={"root": home / "lake"}), NIGHT)
            run(night)
        landed = night.lake.read("raw/catalog", NIGHT).to_pylist()
    by_row = {str(number): row for number, row in enumerate(landed)} | {row["item_id"]: row for row in landed}
    return {row: read_row(by_row[row]) for row in rows if row in by_row}


def read_row(row: dict[str, str | None]) -> Values:
    """Return the values of a landed row."""
    from handpick.stages.transform.specs import load_sheet, read_specs

    specs = read_specs(load_sheet(row["specs"]), row["title"] or "", row["description"] or "")
    price, released = row["price"], row["release_date"]
    return {
        **{name: specs[name] for name in SPECS},
        "price": float(price) if price and re.fullmatch(r"[+-]?\d+(\.\d+)?", price) else None,
        "currency": row["currency"] or None,
        "released": released or None,
    }


def read_written() -> tuple[dict[str, Values], dict[str, Values]]:
    """Return what the written shops state and what is read of them, by number and name."""
    from handpick.stages.transform.specs import load_sheet, read_specs

    shops = json.loads(WRITTEN.read_text(encoding="utf-8"))
    expected: dict[str, Values] = {}
    found: dict[str, Values] = {}
    for number, shop in enumerate(shops):
        read = read_specs(load_sheet(json.dumps(shop["specs"])), shop["title"], shop["description"])
        expected[str(number)] = {name: shop["states"].get(name) for name in SPECS}
        found[str(number)] = {name: read[name] for name in SPECS}
    return expected, found

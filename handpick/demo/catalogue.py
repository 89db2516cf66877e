"""Reads a catalogue of real phones for simulated customers.

Traits come from its rows, or are drawn where it has none.

Screen, battery, camera and memory are parsed from the spec sheets with the parsers of the transform stage;
prices and launch days come from the rows. The phones of a brand share a persona, which is what text can
reveal here. Phones have no simulated looks, as the catalogue has no pictures that show them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from handpick.demo.array_types import Bools, Doubles, Ints
from handpick.demo.corruption import Row
from handpick.demo.parameters import Plan
from handpick.demo.phones import CURRENCIES, EUR_RATES, HIDDEN, Phones
from handpick.demo.phrases import PERSONAS
from handpick.errors import InputError

SPEC_FIGURES = ("battery_mah", "main_camera_mp", "display_inches", "ram_gb")
UNKNOWN_LAUNCH_DAY = -10_000
"""Launch day of phones without a release date."""

DEFAULT_LOG_PRICE = 5.5
"""Natural logarithm of the EUR that customers assume where a row has no price; the row itself keeps none."""


@dataclass(frozen=True)
class Catalogue:
    """Real phones in the order of launch: the owner's `rows`, and `phones` with their simulated traits."""

    rows: list[Row]
    phones: Phones

    @property
    def ids(self) -> list[str]:
        """The item ids, in the order of launch."""
        return [str(row["item_id"]) for row in self.rows]

    def find_out_of_stock(self, rows: slice) -> Bools:
        """Return `(phones,)` whether each phone of a slice is out of stock in the owner's catalogue."""
        return np.array([not _is_true(row.get("in_stock")) for row in self.rows[rows]], np.bool_)

    def select_launched(self, first: int, day: int) -> Phones:
        """Return the phones from position `first` on that are launched up to and including a day."""
        last = int(np.searchsorted(self.phones.launch_day, day, side="right"))
        rows = slice(first, max(first, last))
        return Phones(*(getattr(self.phones, f.name)[rows] for f in fields(Phones)))


def read_catalogue_rows(file: Path) -> list[Row]:
    """Read the rows of a catalogue file (JSON Lines, CSV or Parquet) with the columns of `catalog`.

    Raises:
        InputError: If the file cannot be read, lacks ids or titles, or has no phone in stock; nothing was
            written.
    """
    from handpick.stages.land.file_formats import read_file

    table = read_file(file)
    if missing := {"item_id", "title"} - set(table.column_names):
        raise InputError(
            f"{file} has no {', '.join(sorted(missing))}; it has {', '.join(table.column_names[:12])}. "
            "Nothing was written: `handpick import` turns a scraped catalogue into one, `handpick init` "
            "maps your own columns."
        )
    rows = [
        {key: value for key, value in row.items() if not key.startswith("_")} for row in table.to_pylist()
    ]
    by_id = {str(row["item_id"]): row for row in rows if row["item_id"] and row["title"]}
    if not any(_is_true(row.get("in_stock")) for row in by_id.values()):
        raise InputError(f"{file}: no phone is in stock, so nobody could buy one; nothing was written.")
    return list(by_id.values())


def plan_catalogue_shop(
    file: Path, landing: Path, plan_of: Callable[[date, str], Plan], end: date | None
) -> tuple[Plan, Catalogue]:
    """Plan a shop that sells the phones of a catalogue file.

    Args:
        file: The catalogue, in a format of `read_catalogue_rows`.
        landing: The landing folder of the shop, which must not hold the catalogue.
        plan_of: Returns the plan for a last day and the digest of the file.
        end: The last day; None for the day of the newest row.

    Returns:
        The plan and its phones.

    Raises:
        InputError: If the file cannot be used; nothing was written.
    """
    if landing.resolve() in file.resolve().parents:
        raise InputError(
            f"{file} is in the landing folder that the demo shop will fill; nothing was written. Move it, or "
            "import into another folder with `handpick import ... --out`."
        )
    rows = read_catalogue_rows(file)
    last = end or find_newest_row_day(rows)
    if last is None:
        raise InputError(f"{file} has no day in updated_at; nothing was written. Set --end-date YYYY-MM-DD.")
    plan = plan_of(last, hashlib.sha256(file.read_bytes()).hexdigest())
    return plan, build_catalogue(plan, rows)


def find_newest_row_day(rows: list[Row]) -> date | None:
    """Return the newest day of `updated_at`, or None if no row has one."""
    days = [_parse_day(row.get("updated_at")) for row in rows]
    return max((day for day in days if day), default=None)


def build_catalogue(plan: Plan, rows: list[Row]) -> Catalogue:
    """Build the phones of a catalogue in the order of launch, with all traits that utility depends on.

    Args:
        plan: The plan; its seed draws the traits that rows do not have, its first date is day 0.
        rows: Rows of `read_catalogue_rows`.
    """
    random = plan.stream("catalogue")
    days = [_parse_launch_day(plan, row) for row in rows]
    order = sorted(range(len(rows)), key=lambda place: (days[place], str(rows[place]["item_id"])))
    rows = [rows[place] for place in order]
    count = len(rows)
    names = [str(row.get("brand") or str(row["title"]).split()[0]).lower() for row in rows]
    brands = {name: number for number, name in enumerate(sorted(set(names)))}
    brand = np.array([brands[name] for name in names], np.int64)
    persona = np.zeros((count, len(PERSONAS)))
    # 0.7 of a phone's persona is its brand's, 0.3 its own.
    persona[np.arange(count), random.integers(0, len(PERSONAS), len(brands))[brand]] = 0.7
    persona[np.arange(count), random.integers(0, len(PERSONAS), count)] += 0.3
    log_price, currency = _parse_prices(rows)
    none = np.zeros(count, np.int64)  # model generation, layout and finish are unknown
    phones = Phones(
        line=brand,
        generation=none,
        launch_day=np.array([days[place] for place in order], np.int64),
        specs=_standardize_specs(rows),
        hue=np.zeros(count),
        roundness=np.zeros(count),
        layout=none,
        finish=none,
        persona=persona,
        hidden=0.5 * random.normal(size=(len(brands), HIDDEN))[brand]
        + 0.85 * random.normal(size=(count, HIDDEN)),
        quality=random.normal(size=count),
        log_price=log_price,
        currency=currency,
    )
    return Catalogue(rows, phones)


def build_row_at_price(catalogue: Catalogue, row: int, euros: float) -> Row:
    """Return the owner's row of a phone, with the inventory's price where that has changed since the launch.

    Args:
        catalogue: The catalogue.
        row: Position of the phone, in the order of launch.
        euros: Its current price in EUR.
    """
    own = catalogue.rows[row]
    if not own.get("price") or np.isclose(euros, np.exp(catalogue.phones.log_price[row])):
        return dict(own)
    currency = CURRENCIES[int(catalogue.phones.currency[row])]
    return {**own, "price": round(euros / EUR_RATES[currency], 2)}


def _parse_launch_day(plan: Plan, row: Row) -> int:
    """Return the launch day, counted from the plan's first date.

    It is `UNKNOWN_LAUNCH_DAY` without a release date.
    """
    launched = _parse_day(row.get("release_date"))
    return (
        UNKNOWN_LAUNCH_DAY if launched is None else max(UNKNOWN_LAUNCH_DAY, (launched - plan.first_date).days)
    )


def _parse_day(text: Any) -> date | None:
    """Return the date at the start of a text, or None."""
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError:
        return None


def _is_true(value: Any) -> bool:
    """Return whether a value is one of the words for true."""
    return str(value).strip().lower() in {"true", "yes", "y", "1"}


def _parse_prices(rows: list[Row]) -> tuple[Doubles, Ints]:
    """Return `(rows,)` natural logarithms of EUR and currency indices.

    An unknown currency counts as no price.
    """
    log_price = np.full(len(rows), DEFAULT_LOG_PRICE)
    currency = np.zeros(len(rows), np.int64)
    for place, row in enumerate(rows):
        code = str(row.get("currency") or "EUR").upper()
        try:
            amount = float(row.get("price") or 0) * EUR_RATES.get(code, 0.0)
        except ValueError:
            continue
        if amount > 0:
            # Clipped to about EUR 25 to 4,900: one mistyped price must not dominate the utility.
            log_price[place] = np.clip(np.log(amount), 3.2, 8.5)
            currency[place] = CURRENCIES.index(code)
    return log_price, currency


def _standardize_specs(rows: list[Row]) -> Doubles:
    """Return `(rows, 4)` battery, camera, screen and memory, in standard deviations.

    They are 0 where a sheet lacks one. They are logarithms, as a step from 1 to 2 GB is as large as one from
    8 to 16, relative to the mean and spread of the phones in stock, and clipped at three standard deviations.
    """
    from handpick.stages.transform.specs import read_specs

    # The transform stage's own reader, so that tastes depend on the values that models will see.
    read = [read_specs(_parse_sheet(row.get("specs")) or {}) for row in rows]
    figures = np.array([[one[name] for name in SPEC_FIGURES] for one in read], np.float64)
    logs = np.log(figures.reshape(len(rows), len(SPEC_FIGURES)))
    known = ~np.isnan(logs)
    sold = np.array([_is_true(row.get("in_stock")) for row in rows])
    in_stock = [logs[known[:, column] & sold, column] for column in range(logs.shape[1])]
    middle = np.array([values.mean() if len(values) else 0.0 for values in in_stock])
    spread = np.array([values.std() + 1e-9 if len(values) else 1.0 for values in in_stock])
    return np.where(known, np.clip((logs - middle) / spread, -3, 3), 0.0)


def _parse_sheet(specs: Any) -> dict[str, str] | None:
    """Parse a raw spec sheet into a map of strings; return None where it is not one."""
    if isinstance(specs, str):
        try:
            specs = json.loads(specs)
        except ValueError:
            return None
    return {str(key): str(value) for key, value in specs.items()} if isinstance(specs, dict) else None

"""A catalogue of real phones for simulated shoppers: what the rows tell decides who likes what, the rest is drawn.

Screen, battery, camera and memory come from the sheets by the night's own parsers, prices and launch days from the rows.
A brand has a character of its own, which its phones share: that is what text can tell here. There are no looks, as
real catalogues come without the pictures that a taste for looks would need.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from handpick.demo.arrays import Bools, Doubles, Ints
from handpick.demo.corruption import Row
from handpick.demo.parameters import Plan
from handpick.demo.phones import CURRENCIES, EUROS, HIDDEN, Phones
from handpick.demo.phrases import PERSONAS
from handpick.errors import InputError

SPEC_FIGURES = ("battery_mah", "main_camera_mp", "display_inches", "ram_gb")
LONG_AGO = -10_000
"""Launch day of phones whose launch nobody tells."""

PRICE_OF_THE_UNPRICED = 5.5
"""Natural logarithm of the euros that shoppers expect where a row has no price; the row stays without one."""


@dataclass(frozen=True)
class Catalogue:
    """Real phones in the order of launch; `rows` as the owner wrote them, `phones` as shoppers see them."""

    rows: list[Row]
    phones: Phones

    @property
    def ids(self) -> list[str]:
        """Item ids in the order of launch."""
        return [str(row["item_id"]) for row in self.rows]

    def gone(self, rows: slice) -> Bools:
        """Whether the owner has no more of some phones."""
        return np.array([not _is_true(row.get("in_stock")) for row in self.rows[rows]], np.bool_)

    def launched(self, first: int, day: int) -> Phones:
        """The phones after the first so many that are launched by a day."""
        last = int(np.searchsorted(self.phones.launch_day, day, side="right"))
        rows = slice(first, max(first, last))
        return Phones(*(getattr(self.phones, f.name)[rows] for f in fields(Phones)))


def read_rows(file: Path) -> list[Row]:
    """The rows of a catalogue in the shop's own format: JSON Lines or CSV with the columns of `catalog`.

    Raises:
        InputError: If it cannot be read, has no item ids, or no phone that is in stock; nothing was written.
    """
    from handpick.stages.land.adapters import read_file

    table = read_file(file)
    if missing := {"item_id", "title"} - set(table.column_names):
        raise InputError(
            f"{file} has no {', '.join(sorted(missing))}; it has {', '.join(table.column_names[:12])}. Nothing was "
            "written: `handpick import` turns a scraped catalogue into one, `handpick init` maps your own columns."
        )
    rows = [
        {key: value for key, value in row.items() if not key.startswith("_")} for row in table.to_pylist()
    ]
    named = {str(row["item_id"]): row for row in rows if row["item_id"] and row["title"]}
    if not any(_is_true(row.get("in_stock")) for row in named.values()):
        raise InputError(f"{file}: no phone is in stock, so nobody could buy one; nothing was written.")
    return list(named.values())


def planned(
    file: Path, landing: Path, plan_of: Callable[[date, str], Plan], end: date | None
) -> tuple[Plan, Catalogue]:
    """The plan and the phones of a shop that sells a file's phones.

    Args:
        file: As `read_rows` takes it.
        landing: Where the shop's files will lie; the owner's file may not lie there.
        plan_of: Gives the plan for the last day and the file's digest.
        end: The last day; by default that of the newest row.

    Raises:
        InputError: If the file cannot be used; nothing was written.
    """
    if landing.resolve() in file.resolve().parents:
        raise InputError(
            f"{file} lies in the landing folder that the demo shop will fill; nothing was written. Move it, or import "
            "into another folder with `handpick import ... --out`."
        )
    rows = read_rows(file)
    last = end or newest_day(rows)
    if last is None:
        raise InputError(f"{file} has no day in updated_at; nothing was written. Say --end-date YYYY-MM-DD.")
    plan = plan_of(last, hashlib.sha256(file.read_bytes()).hexdigest())
    return plan, open_catalogue(plan, rows)


def newest_day(rows: list[Row]) -> date | None:
    """The day on which the newest row was written, or None where no row tells."""
    days = [_day(row.get("updated_at")) for row in rows]
    return max((day for day in days if day), default=None)


def open_catalogue(plan: Plan, rows: list[Row]) -> Catalogue:
    """The phones of a catalogue in the order of launch, with all that shoppers weigh.

    Args:
        plan: Its seed draws what rows do not tell; its first date is day 0.
        rows: As `read_rows` gives them.
    """
    random = plan.stream("catalogue")
    days = [_launch_day(plan, row) for row in rows]
    order = sorted(range(len(rows)), key=lambda place: (days[place], str(rows[place]["item_id"])))
    rows = [rows[place] for place in order]
    count = len(rows)
    names = [str(row.get("brand") or str(row["title"]).split()[0]).lower() for row in rows]
    brands = {name: number for number, name in enumerate(sorted(set(names)))}
    brand = np.array([brands[name] for name in names], np.int64)
    persona = np.zeros((count, len(PERSONAS)))
    persona[np.arange(count), random.integers(0, len(PERSONAS), len(brands))[brand]] = 0.7
    persona[np.arange(count), random.integers(0, len(PERSONAS), count)] += 0.3
    log_price, currency = _prices(rows)
    none = np.zeros(count, np.int64)
    phones = Phones(
        line=brand,
        generation=none,
        launch_day=np.array([days[place] for place in order], np.int64),
        specs=_standardized(rows),
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


def row_on(catalogue: Catalogue, row: int, euros: float) -> Row:
    """The owner's row of a phone; its price is the shelf's where that has moved since the launch."""
    own = catalogue.rows[row]
    if not own.get("price") or np.isclose(euros, np.exp(catalogue.phones.log_price[row])):
        return dict(own)
    currency = CURRENCIES[int(catalogue.phones.currency[row])]
    return {**own, "price": round(euros / EUROS[currency], 2)}


def _launch_day(plan: Plan, row: Row) -> int:
    launched = _day(row.get("release_date"))
    return LONG_AGO if launched is None else max(LONG_AGO, (launched - plan.first_date).days)


def _day(text: Any) -> date | None:
    try:
        return date.fromisoformat(str(text)[:10])
    except ValueError:
        return None


def _is_true(value: Any) -> bool:
    return str(value).strip().lower() in {"true", "yes", "y", "1"}


def _prices(rows: list[Row]) -> tuple[Doubles, Ints]:
    """`(rows,)` logarithms of the euros and indices of the currencies; a currency without a rate counts as no price."""
    log_price = np.full(len(rows), PRICE_OF_THE_UNPRICED)
    currency = np.zeros(len(rows), np.int64)
    for place, row in enumerate(rows):
        code = str(row.get("currency") or "EUR").upper()
        try:
            amount = float(row.get("price") or 0) * EUROS.get(code, 0.0)
        except ValueError:
            continue
        if amount > 0:
            log_price[place] = np.clip(np.log(amount), 3.2, 8.5)
            currency[place] = CURRENCIES.index(code)
    return log_price, currency


def _standardized(rows: list[Row]) -> Doubles:
    """`(rows, 4)` battery, camera, screen and memory from the sheets, in standard deviations; 0 where one is silent.

    Logarithms, as a step from 1 to 2 GB is as large as one from 8 to 16; measured from the middle of what is in stock,
    cut at three deviations.
    """
    from handpick.runtime.spark import session
    from handpick.settings.load import load
    from handpick.stages.transform.catalog import with_specs
    from handpick.stages.transform.specs import normalized_keys

    sheets = [(place, _sheet(row.get("specs"))) for place, row in enumerate(rows)]
    with tempfile.TemporaryDirectory(prefix="handpick-catalogue-") as folder:
        spark = session(load(home=Path(folder)), rows=0)
        items = spark.createDataFrame(sheets, "place int, specs map<string,string>")
        keyed = items.withColumn("specs", normalized_keys(items.specs))
        read = with_specs(keyed).select("place", *SPEC_FIGURES).orderBy("place").toPandas()
    logs = np.log(read[list(SPEC_FIGURES)].to_numpy(np.float64))
    known = ~np.isnan(logs)
    sold = np.array([_is_true(row.get("in_stock")) for row in rows])
    told = [logs[known[:, column] & sold, column] for column in range(logs.shape[1])]
    middle = np.array([values.mean() if len(values) else 0.0 for values in told])
    spread = np.array([values.std() + 1e-9 if len(values) else 1.0 for values in told])
    return np.where(known, np.clip((logs - middle) / spread, -3, 3), 0.0)


def _sheet(specs: Any) -> dict[str, str] | None:
    """A raw sheet as a map of strings; None where it is not one."""
    if isinstance(specs, str):
        try:
            specs = json.loads(specs)
        except ValueError:
            return None
    return {str(key): str(value) for key, value in specs.items()} if isinstance(specs, dict) else None

"""The files of a demo shop's hidden truth, as far as the oracle reads them.

`items.parquet` and `users.parquet` have a row for each phone and user, `changes.parquet` one for each change
of price or stock, `plan.json` the days of the shop, and `utility.json` the scales and fashion phases that
were measured or drawn when it was made.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from handpick.dataset.oracle.utility import UtilityScales
from handpick.errors import InputError
from models.dataset import BoolArray, IntArray

Doubles = NDArray[np.float64]
Record = TypeVar("Record")

PLAN_FILE = "plan.json"
UTILITY_FILE = "utility.json"
ITEMS_FILE = "items.parquet"
USERS_FILE = "users.parquet"
CHANGES_FILE = "changes.parquet"


class OutdatedTruth(InputError):
    """The truth was written by an earlier release and lacks a file that the oracle needs."""


@dataclass(frozen=True)
class TruthPhones:
    """Traits of every phone that was ever launched, as `utility.PhoneTraits` describes them."""

    specs: Doubles
    hue: Doubles
    roundness: Doubles
    layout: IntArray
    finish: IntArray
    persona: Doubles
    hidden: Doubles
    quality: Doubles
    launch_day: IntArray


@dataclass(frozen=True)
class TruthUsers:
    """Tastes of everybody who ever signed up, as `utility.UserTastes` describes them.

    Args:
        rate: Sessions a day once active.
        owned: Row of the phone that the user came with, -1 where unknown.
    """

    specs: Doubles
    style: Doubles
    persona: Doubles
    hidden: Doubles
    budget: Doubles
    thrift: Doubles
    fashion: Doubles
    rate: Doubles
    owned: IntArray


@dataclass(frozen=True)
class TruthChanges:
    """Every change of price or stock in order of time; launches included."""

    item: IntArray
    day: IntArray
    euros: Doubles
    stock: BoolArray


@dataclass(frozen=True)
class Truth:
    """What the oracle knows of a demo shop.

    Args:
        first_date: The calendar date of day 0.
        days: Days that the shop has run.
        item_ids: `(phones,)` ids as in the landing files.
        phones: Traits of the phones.
        users: Tastes of the users.
        changes: Changes of price and stock.
        user_ids: `(users,)` ids as in the landing files.
        scales: The shop's utility scales.
        fashion_phases: `(10,)`.
    """

    first_date: date
    days: int
    item_ids: list[str]
    user_ids: list[str]
    phones: TruthPhones
    users: TruthUsers
    changes: TruthChanges
    scales: UtilityScales
    fashion_phases: Doubles


def read_truth(folder: Path) -> Truth:
    """Read the truth in a folder; it is cached until the plan file is written again.

    Raises:
        InputError: If there is no demo shop in this folder.
        OutdatedTruth: If an earlier release made it.
    """
    file = folder / PLAN_FILE
    return _read_truth(folder, file.stat().st_mtime_ns if file.is_file() else 0)


# The second argument is part of the key: evaluate reads the same truth for each day of the test window, and a
# shop that has run on since must be read again.
@lru_cache(maxsize=2)
def _read_truth(folder: Path, _written_ns: int) -> Truth:
    """Read the truth's files; `_written_ns` is when the plan was written."""
    plan = read_json(folder, PLAN_FILE)
    if not (folder / UTILITY_FILE).is_file():
        raise OutdatedTruth(
            f"{folder / UTILITY_FILE} is missing: an earlier release made this demo shop, so the oracle "
            "cannot be computed. `handpick demo --add-day` writes the file."
        )
    utility = read_json(folder, UTILITY_FILE)
    items, users = pq.read_table(folder / ITEMS_FILE), pq.read_table(folder / USERS_FILE)
    return Truth(
        first_date=date.fromisoformat(plan["first_date"]),
        days=plan["days"],
        item_ids=items["item_id"].to_pylist(),
        user_ids=users["user_id"].to_pylist(),
        phones=build_record(TruthPhones, items),
        users=build_record(TruthUsers, users),
        changes=build_record(TruthChanges, pq.read_table(folder / CHANGES_FILE)),
        scales=UtilityScales(**utility["scales"]),
        fashion_phases=np.array(utility["fashion_phases"]),
    )


def serialize_utility(scales: UtilityScales, fashion_phases: Doubles) -> dict[str, Any]:
    """Return the content of `utility.json`; JSON keeps every bit of a float64."""
    return {"scales": asdict(scales), "fashion_phases": fashion_phases.tolist()}


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """Return the content of a JSON file of the truth.

    Raises:
        InputError: If it is missing.
    """
    file = folder / name
    if not file.is_file():
        raise InputError(f"no demo shop: {file} is missing. `handpick demo` makes one; nothing was written.")
    return dict(json.loads(file.read_text()))


def build_record(kind: Callable[..., Record], table: pa.Table) -> Record:
    """Return a dataclass of arrays from a table's columns of the same names; other columns are ignored."""
    names = [column.name for column in fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: convert_column(table[name]) for name in names})


def convert_column(column: pa.ChunkedArray) -> Any:
    """Return a column as an array: `(rows,)`, or `(rows, width)` where values are fixed-size lists."""
    if pa.types.is_fixed_size_list(column.type):
        flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return np.asarray(flat).reshape(-1, column.type.list_size)
    return np.asarray(column.to_numpy())


def compute_prices_and_stock(changes: TruthChanges, day: int, phones: int) -> tuple[Doubles, BoolArray]:
    """Return prices in EUR and stock of the first `phones` phones at the end of a day, both `(phones,)`.

    A phone that was not launched yet has no stock; its price is that of its launch.
    """
    euros, stock = np.zeros(phones), np.zeros(phones, np.bool_)
    first = np.unique(changes.item, return_index=True)
    euros[first[0]] = changes.euros[first[1]]
    # Assigning in order of time leaves the last change up to the day.
    seen = changes.day <= day
    euros[changes.item[seen]] = changes.euros[seen]
    stock[changes.item[seen]] = changes.stock[seen]
    return euros, stock

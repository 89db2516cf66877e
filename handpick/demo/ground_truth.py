"""Saves and loads the ground truth: the complete state of a demo shop at the end of its last day."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from handpick.dataset.oracle.truth_files import (
    CHANGES_FILE,
    ITEMS_FILE,
    PLAN_FILE,
    USERS_FILE,
    UTILITY_FILE,
    build_record,
    convert_column,
    read_json,
    serialize_utility,
)
from handpick.demo.array_types import Ints
from handpick.demo.catalogue import Catalogue, build_catalogue
from handpick.demo.customers import Customers
from handpick.demo.inventory import Inventory
from handpick.demo.parameters import Plan
from handpick.demo.phones import Phones
from handpick.demo.sessions import Events
from handpick.demo.utility import draw_fashion_phases, measure_scales
from handpick.lake.partitions import write_parquet

CATALOGUE_FILE = "catalogue.jsonl"
LOG_COLUMNS = ("log_item", "log_day", "log_euros", "log_stock")


@dataclass
class ShopState:
    """The state of a demo shop at the end of a day.

    Args:
        plan: The plan.
        item_ids: `(phones,)` ids as in the landing files.
        phones: All phones launched so far.
        customers: All customers signed up so far.
        inventory: Prices, stock and their changes.
        pending_events: Returns and ratings that will follow on later days.
        owned_pairs: Sorted keys (`encode_pairs`) of the phones that customers own.
        corruption_counts: Bad rows by date, source and kind.
        catalogue: The owner's phones, also those not launched yet; None for made-up phones, and after `load`.
    """

    plan: Plan
    item_ids: list[str]
    phones: Phones
    customers: Customers
    inventory: Inventory
    pending_events: Events
    owned_pairs: Ints
    corruption_counts: dict[str, dict[str, dict[str, int]]]
    catalogue: Catalogue | None = None


def save(world: ShopState, folder: Path) -> None:
    """Write the ground truth to a folder; it replaces the old one only when it is complete."""
    staging = folder.with_name(f".tmp-{folder.name}")
    shutil.rmtree(staging, ignore_errors=True)
    staging.mkdir(parents=True)
    inventory = world.inventory
    now = {"euros": pa.array(inventory.euros), "back_day": pa.array(inventory.back_day)}
    items = {"item_id": pa.array(world.item_ids), **_build_columns(world.phones), **now}
    write_parquet(pa.table(items), staging / ITEMS_FILE)
    users = {"user_id": pa.array(world.customers.ids()), **_build_columns(world.customers)}
    write_parquet(pa.table(users), staging / USERS_FILE)
    changes = {name.removeprefix("log_"): pa.array(getattr(inventory, name)) for name in LOG_COLUMNS}
    write_parquet(pa.table(changes), staging / CHANGES_FILE)
    write_parquet(pa.table(_build_columns(world.pending_events)), staging / "pending.parquet")
    write_parquet(pa.table({"key": pa.array(world.owned_pairs)}), staging / "owned.parquet")
    _write_json(staging / "dirt.json", world.corruption_counts)
    if world.catalogue is not None:
        rows = (json.dumps(row, ensure_ascii=False) + "\n" for row in world.catalogue.rows)
        (staging / CATALOGUE_FILE).write_text("".join(rows), encoding="utf-8")
    phases = draw_fashion_phases(world.plan)
    _write_json(staging / UTILITY_FILE, serialize_utility(measure_scales(world.plan), phases))
    _write_json(staging / PLAN_FILE, world.plan.to_json())
    # Two renames: a killed process leaves the old state or the new one complete.
    old = folder.with_name(f".old-{folder.name}")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.replace(old)
    staging.replace(folder)
    shutil.rmtree(old, ignore_errors=True)


def read_plan(folder: Path) -> Plan:
    """Read the plan of the demo shop whose ground truth is in a folder.

    Raises:
        InputError: If there is no demo shop in this folder.
    """
    return Plan.from_json(read_json(folder, PLAN_FILE))


def load(folder: Path) -> ShopState:
    """Load the ground truth from a folder, without the catalogue of real phones.

    Raises:
        InputError: If there is no demo shop in this folder.
    """
    plan = read_plan(folder)
    items, users = pq.read_table(folder / ITEMS_FILE), pq.read_table(folder / USERS_FILE)
    changes = pq.read_table(folder / CHANGES_FILE)
    log = {f"log_{name}": convert_column(changes[name]) for name in changes.column_names}
    return ShopState(
        plan=plan,
        item_ids=items["item_id"].to_pylist(),
        phones=build_record(Phones, items),
        customers=build_record(Customers, users),
        inventory=Inventory(
            euros=convert_column(items["euros"]), back_day=convert_column(items["back_day"]), **log
        ),
        pending_events=build_record(Events, pq.read_table(folder / "pending.parquet")),
        owned_pairs=convert_column(pq.read_table(folder / "owned.parquet")["key"]),
        corruption_counts=json.loads((folder / "dirt.json").read_text()),
    )


def load_catalogue(folder: Path, plan: Plan) -> Catalogue | None:
    """Load the catalogue of a demo shop that sells real phones, or return None.

    It starts a Spark session to parse the spec sheets, which only the simulation of further days needs.
    """
    file = folder / CATALOGUE_FILE
    if not file.is_file():
        return None
    lines = file.read_text(encoding="utf-8").splitlines()
    return build_catalogue(plan, [json.loads(line) for line in lines])


def _build_columns(record: Phones | Customers | Events) -> dict[str, pa.Array]:
    """Convert the arrays of a record to Arrow columns; two-dimensional ones become fixed-size lists."""
    columns: dict[str, pa.Array] = {}
    for column in fields(record):
        values = getattr(record, column.name)
        if values.ndim == 2:
            columns[column.name] = pa.FixedSizeListArray.from_arrays(
                pa.array(values.ravel()), values.shape[1]
            )
        else:
            columns[column.name] = pa.array(values)
    return columns


def _write_json(path: Path, value: Any) -> None:
    """Write a value as JSON with sorted keys, so that the bytes depend on nothing else."""
    path.write_text(json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")

"""Delivers the catalog file of a day: launches, changed prices and stock, and pictures of new phones."""

from __future__ import annotations

from typing import Any

import numpy as np

from handpick.demo.array_types import Ints
from handpick.demo.catalogue import UNKNOWN_LAUNCH_DAY, build_row_at_price
from handpick.demo.corruption import CorruptionCounts
from handpick.demo.ground_truth import ShopState
from handpick.demo.inventory import advance_inventory
from handpick.demo.landing import DemoFolders, format_instant, write_catalog, write_picture
from handpick.demo.phones import Phones, draw_lines, draw_phones
from handpick.demo.pictures import build_look, draw_picture
from handpick.demo.spec_sheets import build_description, build_raw_specs, build_title, convert_price


def deliver_phones(world: ShopState, folders: DemoFolders, day: int, corruption: CorruptionCounts) -> Ints:
    """Launch phones, change prices and stock, and write the catalog rows that are new or changed.

    Args:
        world: The state of the shop, which is advanced.
        folders: Where files are written.
        day: The day, counted from 0.
        corruption: Counts of bad rows, which are added to.

    Returns:
        `(changed,)` rows of the phones that are new or changed.
    """
    plan = world.plan
    world.phones = world.phones.concat(_select_launched(world, day))
    world.item_ids = list_item_ids(world)
    gone = (
        world.catalogue.find_out_of_stock(slice(len(world.inventory.euros), len(world.phones)))
        if world.catalogue
        else None
    )
    rows = advance_inventory(world.inventory, plan, world.phones, day, gone)
    in_stock = world.inventory.in_stock(day)
    table = [_build_catalog_row(world, row, bool(in_stock[row]), day) for row in rows.tolist()]
    if plan.has_media and world.catalogue is None:
        for row in rows[world.phones.launch_day[rows] >= (day if day else UNKNOWN_LAUNCH_DAY)].tolist():
            _draw_phone(world, folders, row, corruption)
    write_catalog(plan, folders, table, day, corruption)
    return rows


def list_item_ids(world: ShopState) -> list[str]:
    """Return the ids of all phones launched so far, in the order of launch."""
    if world.catalogue is None:
        return world.phones.ids()
    return world.catalogue.ids[: len(world.phones)]


def _select_launched(world: ShopState, day: int) -> Phones:
    """Return the phones that go on sale on a day."""
    if world.catalogue is not None:
        return world.catalogue.select_launched(len(world.phones), day)
    lines, random = draw_lines(world.plan), world.plan.stream("launches", day)
    count = 1 + int(random.poisson(world.plan.size.launches_per_day - 1))
    sold = np.bincount(world.phones.line, minlength=len(lines.brand))
    return draw_phones(lines, count, random, sold, day)


def _build_catalog_row(world: ShopState, row: int, in_stock: bool, day: int) -> dict[str, Any]:
    """Build the catalog row of a phone as of a day."""
    plan, catalogue = world.plan, world.catalogue
    moment = plan.micros_of(day) + int(plan.stream("updates", day).integers(3600)) * 1_000_000
    content = (
        _describe_phone(world, row)
        if catalogue is None
        else build_row_at_price(catalogue, row, float(world.inventory.euros[row]))
    )
    return {**content, "in_stock": in_stock, "updated_at": format_instant(moment)}


def _describe_phone(world: ShopState, row: int) -> dict[str, Any]:
    """Build the part of a catalog row that describes a made-up phone."""
    plan, phones = world.plan, world.phones
    # A stream per phone: its texts stay the same whenever its row is written again.
    random, lines = plan.stream("sheet", row), draw_lines(plan)
    brand, title = build_title(lines, phones, row, random)
    price, currency = convert_price(phones, row, float(world.inventory.euros[row]))
    return {
        "item_id": world.item_ids[row],
        "title": title,
        "brand": brand,
        "description": build_description(phones.persona[row], random),
        "specs": build_raw_specs(plan, phones, row, random),
        "price": price,
        "currency": currency,
        "release_date": plan.date_of(int(phones.launch_day[row])).isoformat(),
        "image_path": f"images/{world.item_ids[row]}.jpg" if plan.has_media else None,
    }


def _draw_phone(world: ShopState, folders: DemoFolders, row: int, corruption: CorruptionCounts) -> None:
    """Draw and write the picture of a phone."""
    plan, phones = world.plan, world.phones
    look = build_look(phones.hue[row], phones.roundness[row], phones.layout[row], phones.finish[row])
    random = plan.stream("picture", row)
    fate = float(random.random())
    name = f"images/{world.item_ids[row]}.jpg"
    write_picture(folders, name, lambda: draw_picture(look, plan.size.pixels, random), fate, corruption)

"""Generates a demo shop, and simulates it day by day."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from handpick.dataset.oracle.expected_opens import split_sessions
from handpick.dataset.oracle.truth_files import PLAN_FILE
from handpick.dataset.oracle.utility import build_user_factors
from handpick.demo import ground_truth
from handpick.demo.array_types import Ints
from handpick.demo.catalogue import Catalogue
from handpick.demo.click_model import sample_columns
from handpick.demo.corruption import CorruptionCounts
from handpick.demo.customers import Customers, draw_archetypes, draw_customers
from handpick.demo.file_delivery import deliver_phones, list_item_ids
from handpick.demo.ground_truth import ShopState
from handpick.demo.inventory import Inventory
from handpick.demo.landing import (
    FILE_EXTENSIONS,
    DemoFolders,
    write_events,
    write_queries,
    write_users,
)
from handpick.demo.parameters import Plan
from handpick.demo.phones import draw_lines, draw_phones
from handpick.demo.query_simulation import draw_query_authors, simulate_queries
from handpick.demo.sessions import PURCHASE, Events, draw_visitors, encode_pairs, simulate_day
from handpick.demo.utility import compute_shop_phone_factors, measure_scales
from handpick.errors import InputError
from handpick.runtime.log import log_progress, track_progress
from handpick.runtime.speech_synthesis import require_synthesizer

OWNS_A_PHONE = 0.7
"""Share of customers whose phone at sign-up is known."""

OWNABLE = 3000
"""Largest number of phones among which that phone is drawn, which bounds the work of a big shop."""

OWNED_SINCE = -30
"""The day on which the phones that customers came with were bought."""


def generate_shop(
    plan: Plan, folders: DemoFolders, overwrite: bool = False, catalogue: Catalogue | None = None
) -> ShopState:
    """Generate the landing files, media and ground truth of a demo shop.

    Args:
        plan: The parameters that determine all bytes.
        folders: Where files are written.
        overwrite: Whether to replace a demo shop that exists.
        catalogue: Real phones to sell; None for made-up ones.

    Returns:
        The state of the shop after its last day.

    Raises:
        InputError: If files exist and `overwrite` is not set, or are not a demo shop's; they stay as they
            are.
    """
    if plan.has_media:
        require_synthesizer("A demo shop with media (`--no-media` makes one without)")
    _clear_folders(folders, overwrite)
    mark = _unfinished_mark(folders)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    world = open_shop(plan, catalogue)
    for day in track_progress(range(plan.days), "days", plan.days):
        run_day(world, folders, day)
    ground_truth.save(world, folders.truth)
    mark.unlink()
    return world


def is_unfinished(folders: DemoFolders) -> bool:
    """Return whether generating a demo shop here was interrupted; `overwrite` generates it again."""
    return _unfinished_mark(folders).is_file()


def _unfinished_mark(folders: DemoFolders) -> Path:
    """Return the empty file that exists while a shop is generated."""
    return folders.truth.with_name(f".unfinished-{folders.truth.name}")


def add_day(folders: DemoFolders) -> ShopState:
    """Simulate one more day of an existing demo shop.

    Its bytes are those of a shop that was generated with that day.

    Raises:
        InputError: If there is no demo shop.
    """
    world = ground_truth.load(folders.truth)
    world.catalogue = ground_truth.load_catalogue(folders.truth, world.plan)
    run_day(world, folders, world.plan.days)
    world.plan = replace(world.plan, days=world.plan.days + 1)
    ground_truth.save(world, folders.truth)
    return world


def open_shop(plan: Plan, catalogue: Catalogue | None = None) -> ShopState:
    """Return a shop before its first day: the first phones and customers, and no events."""
    if catalogue is not None:
        phones = catalogue.select_launched(0, -1)
    else:
        lines = draw_lines(plan)
        sold = np.zeros(len(lines.brand), np.int64)
        phones = draw_phones(lines, plan.size.first_phones, plan.stream("first-phones"), sold, None)
    customers = draw_customers(plan, draw_archetypes(plan), plan.size.first_users, "first-people", -1)
    world = ShopState(
        plan, [], phones, customers, Inventory.empty(), Events.empty(), np.zeros(0, np.int64), {}, catalogue
    )
    world.item_ids = list_item_ids(world)
    world.customers = replace(customers, owned=_draw_owned_phones(world, customers, 0))
    world.owned_pairs = np.sort(
        encode_pairs(np.arange(len(customers)), world.customers.owned)[world.customers.owned >= 0]
    )
    return world


def run_day(world: ShopState, folders: DemoFolders, day: int) -> Events:
    """Simulate one day: deliveries, sign-ups, sessions and queries.

    Args:
        world: The state of the shop, which is advanced to the end of the day.
        folders: Where the landing files of the day are written.
        day: The day, counted from 0.

    Returns:
        The events of the day, before any of them is written wrongly on purpose.
    """
    plan, corruption = world.plan, CorruptionCounts()
    # Before the delivery: the phones that newcomers own are older than the day's launches.
    newcomers = _add_customers(world, day)
    changed = deliver_phones(world, folders, day, corruption)
    write_users(plan, folders, world.customers, newcomers, world.item_ids, day, corruption)
    events = _simulate_sessions(world, day)
    written = write_events(plan, folders, events, world.item_ids, day, corruption)
    queries = simulate_queries(plan, world.customers, draw_query_authors(plan, world.customers, day), day)
    write_queries(plan, folders, queries, day, corruption)
    world.corruption_counts[plan.date_of(day).isoformat()] = corruption.to_json()
    if day >= plan.days:
        log_progress(
            f"{plan.date_of(day)}: {written:,} events, {len(queries):,} queries, {len(newcomers):,} "
            f"sign-ups, {len(changed):,} phones new or changed"
        )
    return events


def _clear_folders(folders: DemoFolders, overwrite: bool) -> None:
    """Delete the files of an earlier demo shop, or raise an InputError if that is not allowed."""
    taken = [folders.landing / source for source in FILE_EXTENSIONS if (folders.landing / source).is_dir()]
    if (folders.truth / PLAN_FILE).exists():
        taken.append(folders.truth)
    if not taken:
        return
    if not overwrite:
        raise InputError(
            f"{taken[0]} exists already and was left unchanged: `--add-day` continues a demo shop, "
            "`--overwrite` generates it again, `--out` makes another one."
        )
    foreign = folders.find_foreign_file()
    if foreign:
        raise InputError(
            f"{foreign} is no file of a demo shop, so nothing was deleted or written: move your own files "
            "away, or make the demo shop elsewhere with `--out`."
        )
    for folder in (*taken, folders.media):
        shutil.rmtree(folder, ignore_errors=True)


def _add_customers(world: ShopState, day: int) -> Ints:
    """Add the new customers of a day.

    Return the rows for its users file, which are all customers on the first day.
    """
    plan, old = world.plan, len(world.customers)
    count = int(plan.stream("sign-ups", day).poisson(plan.size.signups_per_day))
    newcomers = draw_customers(plan, draw_archetypes(plan), count, "people", day)
    owned = _draw_owned_phones(world, newcomers, day + 1)
    world.customers = world.customers.concat(replace(newcomers, owned=owned))
    keys = encode_pairs(np.arange(old, old + count), owned)[owned >= 0]
    world.owned_pairs = _merge_keys(world.owned_pairs, keys)
    return np.arange(0 if day == 0 else old, len(world.customers))


def _draw_owned_phones(world: ShopState, customers: Customers, purpose_day: int) -> Ints:
    """Draw the phone that each customer came with, by their utility; -1 where the shop does not know it."""
    random = world.plan.stream("owned", purpose_day)
    old = np.flatnonzero(world.phones.launch_day < OWNED_SINCE)
    if len(old) > OWNABLE:
        old = np.sort(random.choice(old, OWNABLE, replace=False))
    factors = compute_shop_phone_factors(world.plan, world.phones, world.phones.log_price, OWNED_SINCE)[old]
    owned = np.full(len(customers), -1, np.int64)
    side, _ = build_user_factors(customers, measure_scales(world.plan), np.arange(len(customers)))
    chance, known = random.random((len(customers), 1)), random.random(len(customers)) < OWNS_A_PHONE
    for part in split_sessions(len(customers), len(old)):
        utility = side[part] @ factors.T
        owned[part] = old[
            sample_columns(np.exp(utility - utility.max(axis=1, keepdims=True)), chance[part])[:, 0]
        ]
    return np.where(known, owned, -1)


def _simulate_sessions(world: ShopState, day: int) -> Events:
    """Simulate the sessions of a day; return its events and the returns and ratings of earlier purchases."""
    plan, phones, customers = world.plan, world.phones, world.customers
    on_sale = np.flatnonzero(world.inventory.in_stock(day))
    factors = compute_shop_phone_factors(plan, phones, np.log(world.inventory.euros), day)[on_sale]
    visitor_rows = draw_visitors(plan, customers, day)
    sides = build_user_factors(customers, measure_scales(plan), visitor_rows)
    euros = world.inventory.euros[on_sale]
    events, later_events = simulate_day(
        plan, customers, sides, visitor_rows, on_sale, factors, euros, world.owned_pairs, day
    )
    # Returns and ratings of earlier purchases wait for their day.
    due = world.pending_events.at < plan.micros_of(day + 1)
    today = Events.concat([events, world.pending_events.select(due)])
    world.pending_events = Events.concat([world.pending_events.select(~due), later_events])
    bought = events.select(events.kind == PURCHASE)
    world.owned_pairs = _merge_keys(world.owned_pairs, encode_pairs(bought.user, bought.item))
    return today


def _merge_keys(keys: Ints, added: Ints) -> Ints:
    """Return the sorted keys of both arrays."""
    return np.sort(np.concatenate([keys, added]), kind="stable")


def format_summary(world: ShopState, folders: DemoFolders) -> str:
    """Return one line with the sizes of a shop."""
    last = world.plan.date_of(world.plan.days - 1)
    bad_rows = sum(sum(kinds.values()) for day in world.corruption_counts.values() for kinds in day.values())
    return (
        f"Demo shop {world.plan.rung}: {len(world.customers):,} users, {len(world.phones):,} phones, "
        f"{world.plan.first_date} to {last}, {bad_rows:,} bad rows on purpose, in {folders.landing}"
    )

"""Generates a demo shop, and simulates it day by day."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np

from handpick.dataset.oracle.click_model import session_blocks
from handpick.dataset.oracle.truth_files import PLAN_FILE
from handpick.dataset.oracle.utility import user_factors
from handpick.demo import ground_truth
from handpick.demo.arrays import Ints
from handpick.demo.catalogue import Catalogue
from handpick.demo.click_model import pick
from handpick.demo.corruption import Dirt
from handpick.demo.customers import People, draw_archetypes, draw_people
from handpick.demo.file_delivery import deliver, item_ids
from handpick.demo.ground_truth import World
from handpick.demo.inventory import Shelf
from handpick.demo.landing import (
    ENDINGS,
    Folders,
    write_events,
    write_queries,
    write_users,
)
from handpick.demo.parameters import Plan
from handpick.demo.phones import draw_lines, draw_phones
from handpick.demo.query_simulation import ask, askers
from handpick.demo.sessions import PURCHASE, Events, pair_keys, simulate_day, visitors
from handpick.demo.utility import measure_scales, phone_side
from handpick.errors import InputError
from handpick.runtime.log import say, track

OWNS_A_PHONE = 0.7
"""Share of customers whose phone at sign-up is known."""

OWNABLE = 3000
"""Largest number of phones among which that phone is drawn, which bounds the work of a big shop."""

OWNED_SINCE = -30
"""The day on which the phones that customers came with were bought."""


def generate(
    plan: Plan, folders: Folders, overwrite: bool = False, catalogue: Catalogue | None = None
) -> World:
    """Generate the landing files, media and ground truth of a demo shop.

    Args:
        plan: The parameters that determine all bytes.
        folders: Where files are written.
        overwrite: Whether to replace a demo shop that exists.
        catalogue: Real phones to sell; None for made-up ones.

    Returns:
        The state of the shop after its last day.

    Raises:
        InputError: If files exist and `overwrite` is not set, or are not a demo shop's; they stay as they are.
    """
    _clear_folders(folders, overwrite)
    mark = _unfinished_mark(folders)
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    world = opened(plan, catalogue)
    for day in track(range(plan.days), "days", plan.days):
        run_day(world, folders, day)
    ground_truth.save(world, folders.truth)
    mark.unlink()
    return world


def is_unfinished(folders: Folders) -> bool:
    """Return whether generating a demo shop here was interrupted; `overwrite` generates it again."""
    return _unfinished_mark(folders).is_file()


def _unfinished_mark(folders: Folders) -> Path:
    """Return the empty file that exists while a shop is generated."""
    return folders.truth.with_name(f".unfinished-{folders.truth.name}")


def add_day(folders: Folders) -> World:
    """Simulate one more day of an existing demo shop, with the same bytes as if it had been generated with that day.

    Raises:
        InputError: If there is no demo shop.
    """
    world = ground_truth.load(folders.truth)
    world.catalogue = ground_truth.load_catalogue(folders.truth, world.plan)
    run_day(world, folders, world.plan.days)
    world.plan = replace(world.plan, days=world.plan.days + 1)
    ground_truth.save(world, folders.truth)
    return world


def opened(plan: Plan, catalogue: Catalogue | None = None) -> World:
    """Return a shop before its first day: the first phones and customers, and no events."""
    if catalogue is not None:
        phones = catalogue.launched(0, -1)
    else:
        lines = draw_lines(plan)
        sold = np.zeros(len(lines.brand), np.int64)
        phones = draw_phones(lines, plan.size.first_phones, plan.stream("first-phones"), sold, None)
    customers = draw_people(plan, draw_archetypes(plan), plan.size.first_users, "first-people", -1)
    world = World(
        plan, [], phones, customers, Shelf.empty(), Events.empty(), np.zeros(0, np.int64), {}, catalogue
    )
    world.item_ids = item_ids(world)
    world.people = replace(customers, owned=_draw_owned_phones(world, customers, 0))
    world.owned = np.sort(pair_keys(np.arange(len(customers)), world.people.owned)[world.people.owned >= 0])
    return world


def run_day(world: World, folders: Folders, day: int) -> None:
    """Simulate one day: deliveries, sign-ups, sessions and queries.

    Args:
        world: The state of the shop, which is advanced to the end of the day.
        folders: Where the landing files of the day are written.
        day: The day, counted from 0.
    """
    plan, corruption = world.plan, Dirt()
    # Before the delivery: the phones that newcomers own are older than the day's launches.
    newcomers = _add_customers(world, day)
    changed = deliver(world, folders, day, corruption)
    write_users(plan, folders, world.people, newcomers, world.item_ids, day, corruption)
    events = _simulate_sessions(world, day)
    written = write_events(plan, folders, events, world.item_ids, day, corruption)
    queries = ask(plan, world.people, askers(plan, world.people, day), day)
    write_queries(plan, folders, queries, day, corruption)
    world.dirt[plan.date_of(day).isoformat()] = corruption.to_json()
    if day >= plan.days:
        say(
            f"{plan.date_of(day)}: {written:,} events, {len(queries):,} queries, {len(newcomers):,} sign-ups, {len(changed):,} phones new or changed"
        )


def _clear_folders(folders: Folders, overwrite: bool) -> None:
    """Delete the files of an earlier demo shop, or raise an InputError if that is not allowed."""
    taken = [folders.landing / source for source in ENDINGS if (folders.landing / source).is_dir()]
    if (folders.truth / PLAN_FILE).exists():
        taken.append(folders.truth)
    if not taken:
        return
    if not overwrite:
        raise InputError(
            f"{taken[0]} exists already and was left unchanged: `--add-day` continues a demo shop, "
            "`--overwrite` makes it anew, `--out` makes another one."
        )
    foreign = folders.foreign_file()
    if foreign:
        raise InputError(
            f"{foreign} is no file of a demo shop, so nothing was deleted or written: move your own files away, or make "
            "the demo shop elsewhere with `--out`."
        )
    for folder in (*taken, folders.media):
        shutil.rmtree(folder, ignore_errors=True)


def _add_customers(world: World, day: int) -> Ints:
    """Add the new customers of a day; return the rows for its users file, which are all customers on the first day."""
    plan, old = world.plan, len(world.people)
    count = int(plan.stream("sign-ups", day).poisson(plan.size.signups_per_day))
    newcomers = draw_people(plan, draw_archetypes(plan), count, "people", day)
    owned = _draw_owned_phones(world, newcomers, day + 1)
    world.people = world.people.joined(replace(newcomers, owned=owned))
    keys = pair_keys(np.arange(old, old + count), owned)[owned >= 0]
    world.owned = _merge_keys(world.owned, keys)
    return np.arange(0 if day == 0 else old, len(world.people))


def _draw_owned_phones(world: World, customers: People, purpose_day: int) -> Ints:
    """Draw the phone that each customer came with, by their utility; -1 where the shop does not know it."""
    random = world.plan.stream("owned", purpose_day)
    old = np.flatnonzero(world.phones.launch_day < OWNED_SINCE)
    if len(old) > OWNABLE:
        old = np.sort(random.choice(old, OWNABLE, replace=False))
    factors = phone_side(world.plan, world.phones, world.phones.log_price, OWNED_SINCE)[old]
    owned = np.full(len(customers), -1, np.int64)
    side, _ = user_factors(customers, measure_scales(world.plan), np.arange(len(customers)))
    chance, known = random.random((len(customers), 1)), random.random(len(customers)) < OWNS_A_PHONE
    for part in session_blocks(len(customers), len(old)):
        utility = side[part] @ factors.T
        owned[part] = old[pick(np.exp(utility - utility.max(axis=1, keepdims=True)), chance[part])[:, 0]]
    return np.where(known, owned, -1)


def _simulate_sessions(world: World, day: int) -> Events:
    """Simulate the sessions of a day; return its events and the returns and ratings of earlier purchases."""
    plan, phones, customers = world.plan, world.phones, world.people
    on_sale = np.flatnonzero(world.shelf.in_stock(day))
    factors = phone_side(plan, phones, np.log(world.shelf.euros), day)[on_sale]
    visitor_rows = visitors(plan, customers, day)
    sides = user_factors(customers, measure_scales(plan), visitor_rows)
    euros = world.shelf.euros[on_sale]
    events, later_events = simulate_day(
        plan, customers, sides, visitor_rows, on_sale, factors, euros, world.owned, day
    )
    # Returns and ratings of earlier purchases wait for their day.
    due = world.pending.at < plan.micros_of(day + 1)
    today = Events.joined([events, world.pending.where(due)])
    world.pending = Events.joined([world.pending.where(~due), later_events])
    bought = events.where(events.kind == PURCHASE)
    world.owned = _merge_keys(world.owned, pair_keys(bought.user, bought.item))
    return today


def _merge_keys(keys: Ints, added: Ints) -> Ints:
    """Return the sorted keys of both arrays."""
    return np.sort(np.concatenate([keys, added]), kind="stable")


def summary(world: World, folders: Folders) -> str:
    """Return one line with the sizes of a shop."""
    last = world.plan.date_of(world.plan.days - 1)
    bad_rows = sum(sum(kinds.values()) for day in world.dirt.values() for kinds in day.values())
    return (
        f"Demo shop {world.plan.rung}: {len(world.people):,} users, {len(world.phones):,} phones, "
        f"{world.plan.first_date} to {last}, {bad_rows:,} bad rows on purpose, in {folders.landing}"
    )

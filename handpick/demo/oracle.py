"""The best possible ranking: the demo shop's own expected rate of positive interactions.

`rate(u, i, day) = sessions(u) · on_sale(i, day) · E[opens of i in one session of u on that day]`, where the expectation
(`choice.expected_opens`) covers exposure in slates, position bias, clicks and search. No model can do better than to
rank by it, except by luck. Only evaluation may read the truth.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from functools import lru_cache
from pathlib import Path

import numpy as np

from handpick.demo import ground_truth
from handpick.demo.arrays import Floats
from handpick.demo.click_model import blocks, expected_opens
from handpick.demo.ground_truth import World
from handpick.demo.sessions import pair_keys
from handpick.demo.utility import BLOCKS, measure_scales, people_side, phone_side
from handpick.errors import InputError


@lru_cache(maxsize=2)
def _world(truth_dir: Path, _written: int) -> World:
    return ground_truth.load(truth_dir)


def read_world(truth_dir: Path) -> World:
    """The truth in a folder, read once as long as it does not change."""
    file = truth_dir / ground_truth.PLAN_FILE
    return _world(truth_dir, file.stat().st_mtime_ns if file.is_file() else 0)


def oracle_scores(
    truth_dir: Path,
    user_ids: Sequence[str],
    item_ids: Sequence[str],
    day: date,
    without: Collection[str] = (),
) -> Floats:
    """`(users, items) float32` expected positive interactions per day of each user with each phone, as of a day.

    Args:
        truth_dir: The demo shop's truth folder.
        day: Prices, stock, launches and fashion are those at the end of this date; phones that are not on sale then,
            and phones that a user came with, score 0. So do ids that the shop does not know.
        without: Blocks of `utility.BLOCKS` that are left out, to see what knowing them is worth.

    Raises:
        InputError: If there is no truth, the date lies outside the shop's days, or a block is unknown.
    """
    unknown = set(without) - set(BLOCKS)
    if unknown:
        raise InputError(f"unknown blocks {sorted(unknown)}: there are {', '.join(BLOCKS)}.")
    world = read_world(truth_dir)
    plan = world.plan
    number = (day - plan.first_date).days
    if not 0 <= number < plan.days:
        raise InputError(
            f"the demo shop in {truth_dir} covers {plan.days} days from {plan.first_date}, not {day}."
        )
    euros, stock = world.shelf.as_of(number, len(world.phones))
    shelf = phone_side(plan, world.phones, np.log(euros), number)
    phone_row = {item: row for row, item in enumerate(world.item_ids)}
    person_row = {user: row for row, user in enumerate(world.people.ids())}
    phones = np.array([phone_row.get(str(item), -1) for item in item_ids], np.int64)
    people = np.array([person_row.get(str(user), -1) for user in user_ids], np.int64)
    on_sale = np.flatnonzero(stock)
    column_of = np.full(len(world.phones) + 1, -1)
    column_of[on_sale] = np.arange(len(on_sale))
    columns = column_of[phones]
    side, constant = people_side(world.people, measure_scales(plan), people, without)
    scores = np.zeros((len(people), len(phones)), np.float32)
    for part in blocks(len(people), len(on_sale)):
        opens = expected_opens(side[part], constant[part], shelf[on_sale])
        opens *= world.people.rate[people[part], None].astype(np.float32)
        scores[part] = np.where(columns >= 0, opens[:, columns], 0.0)
    scores[people < 0] = 0.0
    own = pair_keys(people[:, None], np.broadcast_to(phones, scores.shape))
    came_with = pair_keys(np.arange(len(world.people)), world.people.owned)[world.people.owned >= 0]
    scores[np.isin(own, came_with)] = 0.0
    return scores

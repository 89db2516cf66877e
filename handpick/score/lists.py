"""The lists of a group of users who are scored alike: pool, re-ranking, relaxing, pins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from handpick.log import track
from handpick.score.pool import boosted, pools
from handpick.score.rerank import Lists, Phones, pin, rerank
from handpick.score.rules import Rules
from handpick.score.rules.campaigns import Pin
from handpick.score.shop import Shop
from handpick.score.topn import TopN
from handpick.settings.rules import RulesSettings
from handpick.settings.score import ScoreSettings
from models.data import FloatArray, IntArray
from models.interface import Factors


@dataclass(frozen=True)
class Plan:
    """What all groups share on one night.

    Args:
        chance: `(users,)` seeds of the users' own draws.
        boosts: `(countries, items)`.
    """

    shop: Shop
    rules: Rules
    phones: Phones
    score: ScoreSettings
    settings: RulesSettings
    boosts: FloatArray
    pins: list[Pin]
    chance: NDArray[np.uint64]


def make_lists(plan: Plan, factors: Factors, users: IntArray) -> tuple[Lists, NDArray[np.bool_]]:
    """The lists of some users, and `(users, n)`: which rows were added by relaxing rules.

    Args:
        factors: Of these users and the whole catalogue.
    """
    n = plan.score.n
    _, country = plan.shop.countries
    driven = boosted(factors, plan.boosts, country[users])
    lists = Lists(
        np.full((len(users), n), -1, np.int32),
        np.zeros((len(users), n), np.int8),
        np.full((len(users), n), np.nan, np.float32),
    )
    starts = range(0, len(users), plan.score.block_users)
    for start in track(starts, "lists"):
        rows = slice(start, start + plan.score.block_users)
        pool = _pool(plan, Factors(driven.users[rows], driven.items), users[rows])
        made = rerank(
            pool,
            plan.phones,
            plan.score,
            chance=plan.chance[users[rows]],
            most_per_brand=plan.settings.max_per_brand,
            n=n,
        )
        lists.items[rows], lists.origin[rows], lists.propensity[rows] = made
    is_added = _relax(plan, driven, users, lists)
    pinned = pin(lists, plan.pins, users, _may_have(plan, users))
    return pinned, is_added & (pinned.items == lists.items)


def _pool(plan: Plan, factors: Factors, users: IntArray) -> TopN:
    """The pool, long enough that a bound on brands does not empty the list."""
    return pools(factors, plan.rules, users, max(plan.score.pool, plan.score.n), device=plan.score.device)


def _relax(plan: Plan, factors: Factors, users: IntArray, lists: Lists) -> NDArray[np.bool_]:
    """Fill up lists that are too short, one more rule set aside at a time; returns which rows were added."""
    least = min(plan.settings.min_items, plan.score.n)
    is_added = np.zeros(lists.items.shape, bool)
    for count in range(1, len(plan.settings.relax) + 1):
        relaxed = plan.settings.relax[:count]
        short = np.flatnonzero((lists.items >= 0).sum(axis=1) < least)
        if not len(short):
            break
        have = lists.items[short]
        row, place = np.nonzero(have >= 0)
        taken = sparse.csr_matrix(
            (np.ones(len(row), np.int32), (row, have[row, place])),
            shape=(len(short), len(plan.shop.data.catalogue)),
        )
        more = pools(
            Factors(factors.users[short], factors.items),
            plan.rules,
            users[short],
            least,
            relaxed=relaxed,
            taken=taken,
        )
        for at, user in enumerate(short):
            _append(plan, lists, int(user), more.items[at], least, "max_per_brand" in relaxed)
            is_added[user] |= (lists.items[user] >= 0) & ~np.isin(lists.items[user], have[at][have[at] >= 0])
    return is_added


def _append(
    plan: Plan, lists: Lists, user: int, more: NDArray[np.int32], least: int, any_brand: bool
) -> None:
    """Add phones to the end of one list until it is long enough, minding the bound on brands unless it is relaxed."""
    items = lists.items[user]
    filled = int((items >= 0).sum())
    most = plan.settings.max_per_brand
    brands = plan.phones.brand[items[:filled]].tolist()
    for item in more[more >= 0].tolist():
        brand = int(plan.phones.brand[item])
        if filled >= least:
            return
        if most is None or any_brand or brands.count(brand) < most:
            items[filled] = item
            lists.propensity[user, filled] = 1.0
            brands.append(brand)
            filled += 1


def _may_have(plan: Plan, users: IntArray) -> NDArray[np.bool_]:
    """`(pins, users)`: whether the rules that never relax let each user have the pinned phone."""
    kind_of, allowed = plan.rules.by_kind(plan.settings.relax)
    barred = plan.rules.by_pair(plan.settings.relax)[users]
    return np.array(
        [
            allowed[kind_of[users], one.item] & (barred[:, [one.item]].toarray().ravel() == 0)
            for one in plan.pins
        ]
    ).reshape(len(plan.pins), len(users))


def broken_rules(
    plan: Plan, users: IntArray, lists: Lists, is_added: NDArray[np.bool_]
) -> dict[tuple[int, int], str]:
    """For the rows that relaxing added: (row of the list, place) to the relaxable rules that the phone breaks."""
    found: dict[tuple[int, int], str] = {}
    rules = plan.rules
    for row, place in zip(*np.nonzero(is_added & (lists.items >= 0)), strict=True):
        user, item = int(users[row]), int(lists.items[row, place])
        broken = [
            name
            for name in plan.settings.relax
            if (name in rules.items and rules.items[name][item])
            or (name in rules.kinds and rules.kinds[name][1][rules.kinds[name][0][user], item])
            or (name in rules.pairs and rules.pairs[name][user, item] != 0)
            or (name == "max_per_brand" and _brand_place(plan, lists, int(row), int(place)))
        ]
        if broken:
            found[int(row), int(place)] = "+".join(broken)
    return found


def _brand_place(plan: Plan, lists: Lists, row: int, place: int) -> bool:
    """Whether a phone is beyond its brand's share of the list."""
    brands = plan.phones.brand[lists.items[row, : place + 1]]
    most = plan.settings.max_per_brand
    return most is not None and int((brands == brands[-1]).sum()) > most

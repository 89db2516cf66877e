"""List generation for a block of users: candidates, re-ranking, relaxing of rules, pins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from handpick.settings.rules import RulesSettings
from handpick.settings.score import ScoreSettings
from handpick.stages.score.candidates import add_boosts, find_candidates
from handpick.stages.score.engine import Engine
from handpick.stages.score.item_metadata import ScoringData
from handpick.stages.score.rerank import (
    PhoneFacts,
    RerankedLists,
    insert_pins,
    make_empty_lists,
    rerank_candidates,
)
from handpick.stages.score.rules import Rules
from handpick.stages.score.rules.campaigns import Pin
from models.data import FloatArray, IntArray
from models.interface import Factors
from models.topn.exact import TopN, find_top_n


@dataclass(frozen=True)
class ListPlan:
    """Everything that the lists of all users share on one night.

    Args:
        shop: The dataset and the phones' metadata.
        rules: The night's rules.
        phones: What re-ranking reads of phones.
        score: Settings of the stage.
        settings: Settings of the rules.
        boosts: `(countries, items)` in standard deviations of a user's scores.
        pins: Phones with fixed places, by place.
        rng_seeds: `(users,) uint64` seeds of the users' own draws.
        engine: Runs the top-N.
    """

    shop: ScoringData
    rules: Rules
    phones: PhoneFacts
    score_settings: ScoreSettings
    rule_settings: RulesSettings
    boosts: FloatArray
    pins: list[Pin]
    rng_seeds: NDArray[np.uint64]
    engine: Engine = find_top_n


class FinishedLists(NamedTuple):
    """The finished lists of some users.

    Args:
        lists: `(users, n)`.
        is_added: `(users, n) bool`, places that were filled by relaxing rules.
        held_back: Number of pairs that the maximum per brand kept off lists.
    """

    lists: RerankedLists
    is_added: NDArray[np.bool_]
    held_back: int


def make_lists(plan: ListPlan, factors: Factors, users: IntArray) -> FinishedLists:
    """Make the lists of some users.

    Args:
        plan: The night's rules, settings and catalogue.
        factors: Factors of these users and the whole catalogue.
        users: Indices into the dataset's users.
    """
    n = plan.score_settings.n
    _, country = plan.shop.countries
    with_boosts = add_boosts(factors, plan.boosts, country[users])
    pool = find_candidates(
        with_boosts, plan.rules, users, max(plan.score_settings.candidates, n), engine=plan.engine
    )
    lists = make_empty_lists(len(users), n)
    held_back = 0
    for start in range(0, len(users), plan.score_settings.rerank_batch_users):
        rows = slice(start, start + plan.score_settings.rerank_batch_users)
        made, held = rerank_candidates(
            TopN(pool.items[rows], pool.scores[rows]),
            plan.phones,
            plan.score_settings,
            rng_seeds=plan.rng_seeds[users[rows]],
            max_per_brand=plan.rule_settings.max_per_brand,
            n=n,
        )
        lists.items[rows], lists.origin[rows], lists.propensity[rows] = made
        held_back += held
    is_added = _relax(plan, with_boosts, users, lists)
    before = lists.items.copy()
    pinned = insert_pins(lists, plan.pins, users, _find_pinnable(plan, users))
    return FinishedLists(pinned, _move_marks(is_added, before, pinned.items), held_back)


def _move_marks(
    marks: NDArray[np.bool_], before: NDArray[np.int32], after: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Move the marks of list places along with the phones that pins moved."""
    if np.array_equal(before, after):
        return marks
    # No phone is on a list twice, so equal ids are the same entry.
    same = after[:, :, None] == before[:, None, :]
    return np.asarray((same & marks[:, None, :]).any(axis=2) & (after >= 0))


def _relax(plan: ListPlan, factors: Factors, users: IntArray, lists: RerankedLists) -> NDArray[np.bool_]:
    """Fill up lists that are too short, relaxing one more rule at a time.

    Args:
        plan: The night's rules, settings and catalogue.
        factors: Factors of these users and the whole catalogue, boosts included.
        users: Indices into the dataset's users.
        lists: Their lists, changed in place.

    Returns:
        `(users, n) bool`, which places were filled.
    """
    least = min(plan.rule_settings.min_items, plan.score_settings.n)
    is_added = np.zeros(lists.items.shape, bool)
    for count in range(1, len(plan.rule_settings.relax) + 1):
        relaxed = plan.rule_settings.relax[:count]
        short = np.flatnonzero((lists.items >= 0).sum(axis=1) < least)
        if not len(short):
            break
        have = lists.items[short]
        row, place = np.nonzero(have >= 0)
        taken = sparse.csr_matrix(
            (np.ones(len(row), np.int32), (row, have[row, place])),
            shape=(len(short), len(plan.shop.data.catalogue)),
        )
        # In this process and not on the engine: few users have short lists.
        more = find_candidates(
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
    plan: ListPlan, lists: RerankedLists, user: int, more: NDArray[np.int32], least: int, any_brand: bool
) -> None:
    """Append phones to one list until it is long enough, within the maximum per brand unless that is relaxed."""
    items = lists.items[user]
    filled = int((items >= 0).sum())
    most = plan.rule_settings.max_per_brand
    brands = plan.phones.brand[items[:filled]].tolist()
    for item in more[more >= 0].tolist():
        brand = int(plan.phones.brand[item])
        if filled >= least:
            return
        if most is None or any_brand or brands.count(brand) < most:
            items[filled] = item
            lists.propensity[user, filled] = 1.0  # added places are not drawn at random
            brands.append(brand)
            filled += 1


def _find_pinnable(plan: ListPlan, users: IntArray) -> NDArray[np.bool_]:
    """Whether the rules that never relax allow each user the pinned phone: `(pins, users)`."""
    kind_of, allowed = plan.rules.find_allowed_by_kind(plan.rule_settings.relax)
    excluded = plan.rules.find_excluded_pairs(plan.rule_settings.relax)[users]
    return np.array(
        [
            allowed[kind_of[users], one.item] & (excluded[:, [one.item]].toarray().ravel() == 0)
            for one in plan.pins
        ]
    ).reshape(len(plan.pins), len(users))


def find_broken_rules(
    plan: ListPlan, users: IntArray, lists: RerankedLists, is_added: NDArray[np.bool_]
) -> dict[tuple[int, int], str]:
    """Find the rules that the phones break which were added by relaxing.

    Args:
        plan: The night's rules, settings and catalogue.
        users: Indices into the dataset's users.
        lists: Their lists.
        is_added: `(users, n)`, places that were filled by relaxing rules.

    Returns:
        Names of the broken rules, joined by `+`, by (row of the list, place).
    """
    rows, places = np.nonzero(is_added & (lists.items >= 0))
    if not len(rows):
        return {}
    who, items, rules = users[rows], lists.items[rows, places], plan.rules
    broken = np.zeros((len(plan.rule_settings.relax), len(rows)), bool)
    for at, name in enumerate(plan.rule_settings.relax):
        if name in rules.items:
            broken[at] = rules.items[name][items]
        elif name in rules.kinds:
            codes, mask = rules.kinds[name]
            broken[at] = mask[codes[who], items]
        elif name in rules.pairs:
            broken[at] = np.asarray(rules.pairs[name][who, items]).ravel() != 0
        elif plan.rule_settings.max_per_brand is not None:
            brand = np.where(lists.items[rows] >= 0, plan.phones.brand[lists.items[rows]], -1)
            # The maximum per brand is broken by a phone with too many of its brand at or above its place.
            above = np.arange(lists.items.shape[1]) <= places[:, None]
            same = brand == brand[np.arange(len(rows)), places][:, None]
            broken[at] = (same & above).sum(axis=1) > plan.rule_settings.max_per_brand
    names = np.array(plan.rule_settings.relax, dtype=object)
    return {
        (row, place): "+".join(names[marks])
        for row, place, marks in zip(rows.tolist(), places.tolist(), broken.T, strict=True)
        if marks.any()
    }

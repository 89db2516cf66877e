"""Relaxation: filling of short lists with fewer rules, and the names of the rules that added phones break."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from handpick.stages.score.candidates import find_candidates
from handpick.stages.score.distinct_models import WIDENING
from handpick.stages.score.list_plan import ListPlan
from handpick.stages.score.rerank import PlacementSource, RerankedLists
from models.dataset import IntArray
from models.recommender_interface import Factors


def relax_rules(plan: ListPlan, factors: Factors, users: IntArray, lists: RerankedLists) -> NDArray[np.bool_]:
    """Fill up lists that are too short, relaxing one more rule at a time.

    Args:
        plan: The night's rules, settings and catalogue.
        factors: Factors of these users and the whole catalogue, boosts included.
        users: Indices into the dataset's users.
        lists: Their lists, changed in place.

    Returns:
        `(users, n) bool`, which places were filled.
    """
    min_items = min(plan.rule_settings.min_items or plan.score_settings.n, plan.score_settings.n)
    is_added = np.zeros(lists.items.shape, bool)
    for count in range(1, len(plan.rule_settings.relax) + 1):
        relaxed = plan.rule_settings.relax[:count]
        short = np.flatnonzero((lists.items >= 0).sum(axis=1) < min_items)
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
            # Many, as the maximum per brand and variants of listed models leave out some.
            min(len(plan.shop.data.catalogue), plan.score_settings.candidates * WIDENING),
            relaxed=relaxed,
            taken=taken,
        )
        for at, user in enumerate(short):
            _append_to_list(plan, lists, int(user), more.items[at], min_items, "max_per_brand" in relaxed)
            is_added[user] |= (lists.items[user] >= 0) & ~np.isin(lists.items[user], have[at][have[at] >= 0])
    return is_added


def _append_to_list(
    plan: ListPlan, lists: RerankedLists, user: int, more: NDArray[np.int32], min_items: int, any_brand: bool
) -> None:
    """Append phones to one list until it is long enough.

    The maximum per brand holds unless it is relaxed.
    """
    items = lists.items[user]
    filled = int((items >= 0).sum())
    max_per_brand = plan.rule_settings.max_per_brand
    brands = plan.phones.brand[items[:filled]].tolist()
    models = set(plan.phones.model[items[:filled]].tolist())
    for item in more[more >= 0].tolist():
        brand, model = int(plan.phones.brand[item]), int(plan.phones.model[item])
        if filled >= min_items:
            return
        if model in models:
            continue
        if max_per_brand is None or any_brand or brands.count(brand) < max_per_brand:
            items[filled] = item
            lists.origin[user, filled] = PlacementSource.RELAXED
            lists.propensity[user, filled] = 1.0  # added places are not drawn at random
            brands.append(brand)
            models.add(model)
            filled += 1


def find_broken_rules(
    plan: ListPlan, users: IntArray, lists: RerankedLists, is_added: NDArray[np.bool_]
) -> dict[tuple[int, int], str]:
    """Find the rules that are broken by phones that relaxation added.

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

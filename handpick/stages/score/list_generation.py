"""List generation for a block of users: candidates, re-ranking, relaxing of rules, pins."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from handpick.stages.score.boosts import add_boosts
from handpick.stages.score.candidates import find_candidates
from handpick.stages.score.distinct_models import WIDENING
from handpick.stages.score.list_plan import ListPlan
from handpick.stages.score.rerank import RerankedLists, insert_pins, make_empty_lists, rerank_candidates
from handpick.stages.score.rules.relaxation import relax_rules
from models.dataset import IntArray
from models.recommender_interface import Factors
from models.topn.exact import TopN


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
    lists = make_empty_lists(len(users), n)
    held_back = np.zeros(len(users), np.int64)
    size, catalogue = max(plan.score_settings.candidates, n), len(plan.shop.data.catalogue)
    waiting = np.arange(len(users))
    while len(waiting):
        ended = _rerank_pool(plan, with_boosts, users, waiting, min(size, catalogue), lists, held_back)
        # The maximum per brand and variants of one model can leave a pool empty before the list is full.
        waiting = waiting[(lists.items[waiting] < 0).any(axis=1) & ~ended]
        size *= WIDENING
    is_added = relax_rules(plan, with_boosts, users, lists)
    # Pins move phones down, so the marks of added places have to move with them.
    before = lists.items.copy()
    pinned = insert_pins(lists, plan.pins, users, _find_pinnable(plan, users))
    return FinishedLists(pinned, _move_marks(is_added, before, pinned.items), int(held_back.sum()))


def _rerank_pool(
    plan: ListPlan,
    factors: Factors,
    users: IntArray,
    waiting: IntArray,
    size: int,
    lists: RerankedLists,
    held_back: IntArray,
) -> NDArray[np.bool_]:
    """Make the lists of some rows from so many candidates.

    Args:
        plan: The night's rules, settings and catalogue.
        factors: Factors of all rows' users and the whole catalogue.
        users: `(rows,)` indices into the dataset's users.
        waiting: The rows whose lists are made.
        size: Candidates for each.
        lists: `(rows, n)`, changed in place.
        held_back: `(rows,)` phones that the maximum per brand kept off the lists, changed in place.

    Returns:
        `(waiting,)`, whether there are no more candidates than these.
    """
    some = factors if len(waiting) == len(users) else Factors(factors.users[waiting], factors.items)
    pool = find_candidates(some, plan.rules, users[waiting], size, engine=plan.engine)
    batch = plan.score_settings.rerank_batch_users
    # Larger pools in smaller batches, so that the memory stays bounded.
    usual = max(plan.score_settings.candidates, plan.score_settings.n)
    batch = min(batch, max(1, batch * usual // size))
    for start in range(0, len(waiting), batch):
        part = slice(start, start + batch)
        rows = waiting[part]
        made, held = rerank_candidates(
            TopN(pool.items[part], pool.scores[part]),
            plan.phones,
            plan.score_settings,
            rng_seeds=plan.rng_seeds[users[rows]],
            max_per_brand=plan.rule_settings.max_per_brand,
            n=plan.score_settings.n,
        )
        lists.items[rows], lists.origin[rows], lists.propensity[rows] = made
        held_back[rows] = held
    return pool.items[:, -1] < 0 if size < len(plan.shop.data.catalogue) else np.ones(len(waiting), bool)


def _move_marks(
    marks: NDArray[np.bool_], before: NDArray[np.int32], after: NDArray[np.int32]
) -> NDArray[np.bool_]:
    """Move the marks of list places along with the phones that pins moved."""
    if np.array_equal(before, after):
        return marks
    # No phone is on a list twice, so equal ids are the same entry.
    same = after[:, :, None] == before[:, None, :]
    return np.asarray((same & marks[:, None, :]).any(axis=2) & (after >= 0))


def _find_pinnable(plan: ListPlan, users: IntArray) -> NDArray[np.bool_]:
    """Return `(pins, users)` whether the rules that never relax allow the user the pinned phone."""
    kind_of, allowed = plan.rules.find_allowed_by_kind(plan.rule_settings.relax)
    excluded = plan.rules.find_excluded_pairs(plan.rule_settings.relax)[users]
    return np.array(
        [
            allowed[kind_of[users], one.item] & (excluded[:, [one.item]].toarray().ravel() == 0)
            for one in plan.pins
        ]
    ).reshape(len(plan.pins), len(users))

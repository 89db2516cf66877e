"""Users who are scored alike: those of the model, and those of whom nothing is known or may be used."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handpick.score.lists import Plan, make_lists
from handpick.score.rerank import Lists
from handpick.score.scorer import Scorer
from handpick.score.shop import one_hot
from models.data import BoolArray, FloatArray, IntArray, StringArray
from models.interface import Factors

POPULARITY = "popularity"


@dataclass(frozen=True)
class Group:
    """Users who are scored alike, and their finished lists.

    Args:
        users: Indices, ascending.
        source: `(users,)` what scored them.
        factors: Of these users.
        is_added: Rows that relaxing added.
        held_back: Pairs that the bound on brands kept off lists.
    """

    users: IntArray
    source: StringArray
    factors: Factors
    lists: Lists
    is_added: NDArray[np.bool_]
    held_back: int


def blocks(plan: Plan, scorer: Scorer, by_country: FloatArray) -> Iterator[list[Group]]:
    """All users in their order, some at a time: users of the model, and the others by popularity.

    The others are those who gave no consent, or of whom the model can say nothing. Each block has the same number of
    users of the model, so that a model which scores users in batches of its own does so as if all were asked at once.
    """
    data, size = plan.shop.data, plan.score.users_at_once
    everybody = np.arange(len(data.users))
    source = np.concatenate(
        [scorer.source(data, everybody[at : at + size]) for at in range(0, max(1, len(everybody)), size)]
    )
    is_scored = data.users.is_consented & (source != "")
    for users in np.split(everybody, np.flatnonzero(is_scored)[size::size]):
        yield list(_groups(plan, scorer, by_country, users, source[users], is_scored[users]))


def _groups(
    plan: Plan,
    scorer: Scorer,
    by_country: FloatArray,
    users: IntArray,
    source: StringArray,
    is_scored: BoolArray,
) -> Iterator[Group]:
    """One block's users of the model, and its others."""
    by_model, others = users[is_scored], users[~is_scored]
    _, country = plan.shop.countries
    if len(by_model):
        factors = scorer.factors(plan.shop.data, by_model)
        yield _group(plan, factors, by_model, source[is_scored])
    if len(others):
        factors = Factors(one_hot(country[others], len(by_country)), np.ascontiguousarray(by_country.T))
        yield _group(plan, factors, others, np.full(len(others), POPULARITY))


def _group(plan: Plan, factors: Factors, users: IntArray, source: StringArray) -> Group:
    made = make_lists(plan, factors, users)
    return Group(users, source, factors, made.lists, made.is_added, made.held_back)

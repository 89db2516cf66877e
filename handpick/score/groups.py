"""Users who are scored alike: those of the model, and those of whom nothing is known or may be used."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handpick.score.lists import Plan, make_lists
from handpick.score.rerank import Lists
from handpick.score.scorer import Scorer
from handpick.score.shop import one_hot
from models.data import FloatArray, IntArray, StringArray
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


def groups(plan: Plan, scorer: Scorer, by_country: FloatArray) -> list[Group]:
    """Users of the model, and the others (no consent, or nothing the model can score) by popularity."""
    data = plan.shop.data
    everybody = np.arange(len(data.users))
    source = scorer.source(data, everybody)
    by_model = np.flatnonzero(data.users.is_consented & (source != ""))
    others = np.setdiff1d(everybody, by_model)
    _, country = plan.shop.countries
    found = []
    if len(by_model):
        found.append(_group(plan, scorer.factors(data, by_model), by_model, source[by_model]))
    if len(others):
        factors = Factors(one_hot(country[others], len(by_country)), np.ascontiguousarray(by_country.T))
        found.append(_group(plan, factors, others, np.full(len(others), POPULARITY)))
    return found


def _group(plan: Plan, factors: Factors, users: IntArray, source: StringArray) -> Group:
    made = make_lists(plan, factors, users)
    return Group(users, source, factors, made.lists, made.is_added, made.held_back)

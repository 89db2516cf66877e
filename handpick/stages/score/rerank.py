"""From a pool to a list: relevance against sameness, a hand for launches, brand bounds, pins and exploration.

Maximal marginal relevance: Carbonell and Goldstein (1998), "The use of MMR, diversity-based reranking for reordering
documents and producing summaries". All users of a block are re-ranked at once, one place of the list at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from handpick.settings.score import ScoreSettings
from handpick.stages.score.hash_rng import uniform
from handpick.stages.score.rules.campaigns import Pin
from models.data import BoolArray, FloatArray, IntArray
from models.topn.exact import TopN

Number = TypeVar("Number", bound=np.generic)


class Origin(IntEnum):
    """Why a phone has its place."""

    MODEL = 0
    LAUNCH = 1
    EXPLORATION = 2
    CAMPAIGN = 3


class Lists(NamedTuple):
    """Lists of some users, `(users, n)` each.

    Args:
        items: `int32` indices, -1 after the end of a list.
        origin: `int8`, of `Origin`.
        propensity: `float32`, probability of the phone at that place given those above it.
    """

    items: NDArray[np.int32]
    origin: NDArray[np.int8]
    propensity: FloatArray


@dataclass(frozen=True)
class Phones:
    """What re-ranking knows about phones, `(items, ...)` each.

    Args:
        vectors: Unit vectors whose inner product says how alike two phones are.
        brand: Code of the brand.
        is_launch: Whether it was released in the launch window.
    """

    vectors: FloatArray
    brand: IntArray
    is_launch: BoolArray


def rerank(
    pool: TopN,
    phones: Phones,
    settings: ScoreSettings,
    *,
    chance: NDArray[np.uint64],
    most_per_brand: int | None,
    n: int,
) -> tuple[Lists, int]:
    """The n-long lists of a block of users from their pools, and how many pairs the bound on brands kept off them.

    Args:
        chance: `(users,)` seeds of the users' own draws, so that nobody's list depends on who else is in the block.
        most_per_brand: Most phones of one brand, or None.
    """
    relevance, is_helped = _relevance(pool, phones, settings)
    state = _State(pool, phones, most_per_brand)
    users = np.arange(len(pool.items))
    lists = empty_lists(len(users), n)
    alike = np.zeros(pool.items.shape, np.float32)
    for place in range(n):
        value = (1 - settings.diversity) * relevance - settings.diversity * alike
        value[~state.free()] = -np.inf
        pick = np.argmax(value, axis=1)
        there = np.isfinite(value[users, pick])
        origin = np.where(is_helped[users, pick], Origin.LAUNCH, Origin.MODEL)
        propensity = np.ones(len(users), np.float32)
        if place + 1 >= settings.explore_from_rank and settings.explore_share:
            pick, origin, propensity = _explore(
                state, pick, origin, there, chance, place, settings.explore_share
            )
        chosen = np.where(there, state.items[users, pick], -1)
        lists.items[:, place], lists.origin[:, place] = chosen, origin
        lists.propensity[:, place] = np.where(there, propensity, np.nan)
        state.take(pick, there)
        if settings.diversity:
            vectors = phones.vectors[np.maximum(chosen, 0)]
            alike = np.maximum(alike, (state.vectors @ vectors[:, :, None])[:, :, 0])
    return lists, state.held_back()


def _relevance(pool: TopN, phones: Phones, settings: ScoreSettings) -> tuple[FloatArray, BoolArray]:
    """Scores as shares of the pool's range with the launch bonus, and where that bonus is in."""
    valid = pool.items >= 0
    low = np.where(valid, pool.scores, np.inf).min(axis=1, initial=np.inf)
    high = np.where(valid, pool.scores, -np.inf).max(axis=1, initial=-np.inf)
    width = np.where(high > low, high - low, 1)
    relevance = np.where(valid, (pool.scores - low[:, None]) / width[:, None], -np.inf).astype(np.float32)
    new = phones.is_launch[pool.items] & valid & (relevance >= settings.launch_floor)
    is_helped = new & (np.cumsum(new, axis=1) <= settings.launch_most) & (settings.launch_bonus > 0)
    return np.where(is_helped, relevance + np.float32(settings.launch_bonus), relevance), is_helped


class _State:
    """Which phones of each pool may still be chosen."""

    def __init__(self, pool: TopN, phones: Phones, most_per_brand: int | None) -> None:
        self.items = pool.items
        self.is_free = pool.items >= 0
        self.brand = np.where(self.is_free, phones.brand[pool.items], -1)
        self.vectors = phones.vectors[pool.items]
        self.most = most_per_brand
        self.of_brand = np.zeros(pool.items.shape, np.int32)

    def free(self) -> BoolArray:
        """`(users, pool)`: neither taken nor of a brand that has its share."""
        return self.is_free if self.most is None else self.is_free & (self.of_brand < self.most)

    def held_back(self) -> int:
        """Pairs that nobody took and whose brand has its share."""
        return int((self.is_free & ~self.free()).sum())

    def take(self, pick: IntArray, there: BoolArray) -> None:
        """Take one phone per user, where there is one."""
        users = np.arange(len(pick))
        self.is_free[users[there], pick[there]] = False
        same = (self.brand == self.brand[users, pick][:, None]) & there[:, None]
        self.of_brand += same


def _explore(
    state: _State,
    pick: IntArray,
    origin: NDArray[np.int64],
    there: BoolArray,
    chance: NDArray[np.uint64],
    place: int,
    share: float,
) -> tuple[IntArray, NDArray[np.int64], FloatArray]:
    """With probability `share`, a phone drawn evenly from the other free ones of the pool."""
    users = np.arange(len(pick))
    others = state.free().copy()
    others[users, pick] = False
    count = others.sum(axis=1)
    possible = there & (count > 0)
    explores = possible & (uniform(chance, 2 * place) < share)
    nth = np.minimum((uniform(chance, 2 * place + 1) * count).astype(np.int64), np.maximum(count - 1, 0))
    drawn = np.argmax(np.cumsum(others, axis=1) == nth[:, None] + 1, axis=1)
    propensity = np.where(explores, share / np.maximum(count, 1), np.where(possible, 1 - share, 1.0))
    return (
        np.where(explores, drawn, pick),
        np.where(explores, Origin.EXPLORATION, origin),
        propensity.astype(np.float32),
    )


def pin(lists: Lists, pins: list[Pin], users: IntArray, is_allowed: NDArray[np.bool_]) -> Lists:
    """Put pinned phones at their places, moving the others down.

    Args:
        users: `(lists,)` index of each list's user.
        is_allowed: `(pins, lists)`: whether the hard rules let the user have the phone.
    """
    for number, one in enumerate(pins):
        rows = np.flatnonzero(one.users[users] & is_allowed[number] & (lists.items[:, 0] >= 0))
        items = lists.items[rows]
        places = np.where(items == one.item, np.inf, np.arange(items.shape[1], dtype=np.float64))
        places[items < 0] = items.shape[1]
        # Half a place before its rank, or after the last phone of a shorter list.
        wanted = np.minimum(one.rank - 1, (items >= 0).sum(axis=1)) - 0.5
        order = np.argsort(np.column_stack([places, wanted]), axis=1, kind="stable")[:, : items.shape[1]]
        lists.items[rows] = _with_last(lists.items[rows], one.item, order)
        lists.origin[rows] = _with_last(lists.origin[rows], int(Origin.CAMPAIGN), order)
        lists.propensity[rows] = _with_last(lists.propensity[rows], 1.0, order)
    return lists


def _with_last(rows: NDArray[Number], value: float, order: IntArray) -> NDArray[Number]:
    """The rows with one more column that holds a value, in another order of the columns."""
    wider = np.column_stack([rows, np.full(len(rows), value, rows.dtype)])
    return np.take_along_axis(wider, order, axis=1)


def empty_lists(users: int, n: int) -> Lists:
    """Lists without phones."""
    return Lists(
        np.full((users, n), -1, np.int32),
        np.zeros((users, n), np.int8),
        np.full((users, n), np.nan, np.float32),
    )

"""Re-ranking of candidates into lists: diversity, launch bonus, a maximum per brand, exploration and pins.

Maximal marginal relevance: Carbonell and Goldstein (1998), "The use of MMR, diversity-based reranking for
reordering documents and producing summaries". All users of a block are re-ranked at once, one place of the
list at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from handpick.settings.score import ScoreSettings
from handpick.stages.score.hash_rng import draw_uniform
from handpick.stages.score.rules.campaigns import Pin
from models.dataset import BoolArray, FloatArray, IntArray
from models.topn.exact import TopN

Number = TypeVar("Number", bound=np.generic)


class PlacementSource(IntEnum):
    """What gave a phone its place on a list; the numbers are not stored in the lake.

    `MODEL` has the highest score of the phones that could stand there. All others stand where they do
    although another phone scored higher, or whatever their score was.
    """

    MODEL = 0
    LAUNCH = 1
    EXPLORATION = 2
    CAMPAIGN = 3
    DIVERSITY = 4
    RELAXED = 5
    BOOST = 6


PLACED_BY = ("score", "launch", "exploration", "campaign", "diversity", "relaxed_rules", "campaign")
"""The names under which lists show a `PlacementSource`, by its number."""


class RerankedLists(NamedTuple):
    """Lists of some users, `(users, n)` each.

    Args:
        items: `int32` indices, -1 after the end of a list.
        origin: `int8`, a `PlacementSource`.
        propensity: `float32`, probability of the phone at that place given those above it; NaN after the end.
    """

    items: NDArray[np.int32]
    origin: NDArray[np.int8]
    propensity: FloatArray


@dataclass(frozen=True)
class PhoneFacts:
    """The facts about phones that re-ranking reads.

    Args:
        vectors: `(items, d) float32` unit vectors whose inner product is the similarity of two phones.
        brand: `(items,)` code of the brand.
        is_launch: `(items,)` whether the phone was released in the launch window.
        model: `(items,)` code of the model; variants of a model share it.
    """

    vectors: FloatArray
    brand: IntArray
    is_launch: BoolArray
    model: IntArray


def rerank_candidates(
    candidates: TopN,
    phones: PhoneFacts,
    settings: ScoreSettings,
    *,
    rng_seeds: NDArray[np.uint64],
    max_per_brand: int | None,
    n: int,
) -> tuple[RerankedLists, IntArray]:
    """Re-rank the candidates of a block of users into lists.

    Args:
        candidates: `(users, candidates)`, best first.
        phones: Facts about all phones.
        settings: Diversity, launch bonus and exploration.
        rng_seeds: `(users,) uint64` seeds of the users' own draws, so that no list depends on who else is in
            the block.
        max_per_brand: Maximum number of phones of one brand on a list, or None.
        n: Length of the lists.

    Returns:
        The lists, and for each user the number of phones that the maximum per brand kept off.
    """
    relevance, is_helped = _compute_relevance(candidates, phones, settings)
    state = _FreeCandidates(candidates, phones, max_per_brand)
    users = np.arange(len(candidates.items))
    lists = make_empty_lists(len(users), n)
    similarity = np.zeros(candidates.items.shape, np.float32)
    for place in range(n):
        # Maximal marginal relevance: relevance less the similarity to the most similar phone above.
        value = (1 - settings.diversity) * relevance - settings.diversity * similarity
        value[~state.free()] = -np.inf
        # Of equal values argmax takes the first, which has the higher score or the lower id.
        pick = np.argmax(value, axis=1)
        is_there = np.isfinite(value[users, pick])  # False where no candidate is left
        # Candidates are sorted by score, so the first free one would have the place by its score alone.
        is_best = pick == np.argmax(state.free(), axis=1)
        moved_by = np.where(is_helped[users, pick], PlacementSource.LAUNCH, PlacementSource.DIVERSITY)
        origin = np.where(is_best, PlacementSource.MODEL, moved_by).astype(np.int64)
        propensity = np.ones(len(users), np.float32)
        if place + 1 >= settings.explore_from_rank and settings.explore_share:
            pick, origin, propensity = _replace_by_exploration(
                state, pick, origin, is_there, rng_seeds, place, settings.explore_share
            )
        chosen = np.where(is_there, state.items[users, pick], -1)
        lists.items[:, place], lists.origin[:, place] = chosen, origin
        lists.propensity[:, place] = np.where(is_there, propensity, np.nan)
        state.take(pick, is_there)
        # Similarity to the most similar phone above, kept from place to place: only the last one is new.
        if settings.diversity:
            vectors = phones.vectors[np.maximum(chosen, 0)]
            similarity = np.maximum(similarity, (state.vectors @ vectors[:, :, None])[:, :, 0])
    return lists, state.held_back()


def _compute_relevance(
    pool: TopN, phones: PhoneFacts, settings: ScoreSettings
) -> tuple[FloatArray, BoolArray]:
    """Scale scores to the range of each user's candidates and add the launch bonus.

    Only the best launches get it: those whose relevance reaches a floor, up to a maximum number for each
    list.

    Returns:
        `(users, candidates)` relevance, from 0 to 1 without the bonus; and where the bonus was added.
    """
    valid = pool.items >= 0
    low = np.where(valid, pool.scores, np.inf).min(axis=1, initial=np.inf)
    high = np.where(valid, pool.scores, -np.inf).max(axis=1, initial=-np.inf)
    # A single candidate, or equal scores, would divide by zero.
    width = np.where(high > low, high - low, 1)
    relevance = np.where(valid, (pool.scores - low[:, None]) / width[:, None], -np.inf).astype(np.float32)
    new = phones.is_launch[pool.items] & valid & (relevance >= settings.launch_floor)
    # Candidates are sorted by score, so the running count numbers the best launches first.
    is_helped = new & (np.cumsum(new, axis=1) <= settings.max_launch_items) & (settings.launch_bonus > 0)
    return np.where(is_helped, relevance + np.float32(settings.launch_bonus), relevance), is_helped


class _FreeCandidates:
    """The candidates of each user that can still be chosen."""

    def __init__(self, pool: TopN, phones: PhoneFacts, max_per_brand: int | None) -> None:
        self.items = pool.items
        self.is_free = pool.items >= 0
        self.brand = np.where(self.is_free, phones.brand[pool.items], -1)
        self.model = np.where(self.is_free, phones.model[pool.items], -1)
        # Gathered once for the block; each place of the list compares all of them with the phone above.
        self.vectors = phones.vectors[pool.items]
        self.max_per_brand = max_per_brand
        # Phones taken so far of each candidate's brand.
        self.taken_of_brand = np.zeros(pool.items.shape, np.int32)

    def free(self) -> BoolArray:
        """Return which candidates can be chosen: `(users, candidates)`.

        Those that are not taken, and whose brand has not reached its maximum.
        """
        if self.max_per_brand is None:
            return self.is_free
        return self.is_free & (self.taken_of_brand < self.max_per_brand)

    def held_back(self) -> IntArray:
        """Count each user's candidates that were not taken and whose brand reached its maximum."""
        return np.asarray((self.is_free & ~self.free()).sum(axis=1))

    def take(self, pick: IntArray, is_there: BoolArray) -> None:
        """Take one candidate per user, where there is one, and with it all variants of its model."""
        users = np.arange(len(pick))
        self.is_free &= ~((self.model == self.model[users, pick][:, None]) & is_there[:, None])
        same = (self.brand == self.brand[users, pick][:, None]) & is_there[:, None]
        self.taken_of_brand += same


def _replace_by_exploration(
    state: _FreeCandidates,
    pick: IntArray,
    origin: NDArray[np.int64],
    is_there: BoolArray,
    rng_seeds: NDArray[np.uint64],
    place: int,
    share: float,
) -> tuple[IntArray, NDArray[np.int64], FloatArray]:
    """Replace the pick, with probability `share`, by one drawn uniformly from the other free candidates.

    Args:
        state: The candidates.
        pick: `(users,)` column of the best candidate.
        origin: `(users,)` why it was picked.
        is_there: `(users,)` whether there is a candidate at all.
        rng_seeds: `(users,) uint64` seeds of the users' own draws.
        place: Place on the list, from 0; it numbers the draws.
        share: Probability of exploration.

    Returns:
        Pick, origin and propensity, `(users,)` each. The propensity is the probability with which the pick
        was made, which off-policy estimates divide by.
    """
    users = np.arange(len(pick))
    others = state.free().copy()
    others[users, pick] = False
    count = others.sum(axis=1)
    possible = is_there & (count > 0)
    explores = possible & (draw_uniform(rng_seeds, 2 * place) < share)
    # Two draws for each place. The minimum guards against a product that rounds up to the count.
    nth = np.minimum(
        (draw_uniform(rng_seeds, 2 * place + 1) * count).astype(np.int64), np.maximum(count - 1, 0)
    )
    drawn = np.argmax(np.cumsum(others, axis=1) == nth[:, None] + 1, axis=1)
    propensity = np.where(explores, share / np.maximum(count, 1), np.where(possible, 1 - share, 1.0))
    return (
        np.where(explores, drawn, pick),
        np.where(explores, PlacementSource.EXPLORATION, origin),
        propensity.astype(np.float32),
    )


def insert_pins(
    lists: RerankedLists, pins: list[Pin], users: IntArray, is_allowed: NDArray[np.bool_]
) -> RerankedLists:
    """Put pinned phones at their places, moving the others down.

    A pinned phone that is already on the list moves. Empty lists stay empty.

    Args:
        lists: Lists of some users, changed in place.
        pins: Sorted by place.
        users: `(lists,)` index of each list's user.
        is_allowed: `(pins, lists)`, whether the rules that never relax allow the user the phone.
    """
    for number, one in enumerate(pins):
        rows = np.flatnonzero(one.users[users] & is_allowed[number] & (lists.items[:, 0] >= 0))
        items = lists.items[rows]
        # Its old entry, if any, gets an infinite key and drops off the end.
        places = np.where(items == one.item, np.inf, np.arange(items.shape[1], dtype=np.float64))
        places[items < 0] = items.shape[1]
        # A sort key half a place before its rank, or after the last phone of a shorter list.
        target = np.minimum(one.rank - 1, (items >= 0).sum(axis=1)) - 0.5
        order = np.argsort(np.column_stack([places, target]), axis=1, kind="stable")[:, : items.shape[1]]
        lists.items[rows] = _append_column(lists.items[rows], one.item, order)
        lists.origin[rows] = _append_column(lists.origin[rows], int(PlacementSource.CAMPAIGN), order)
        lists.propensity[rows] = _append_column(lists.propensity[rows], 1.0, order)
    return lists


def _append_column(rows: NDArray[Number], value: float, order: IntArray) -> NDArray[Number]:
    """Append a column that holds a value, and reorder the columns of each row."""
    wider = np.column_stack([rows, np.full(len(rows), value, rows.dtype)])
    return np.take_along_axis(wider, order, axis=1)


def mark_boosted(lists: RerankedLists, scores: FloatArray) -> None:
    """Mark the places that a campaign's boost has changed, where boosts were part of the order.

    Args:
        lists: Lists of some users, whose origin is changed in place.
        scores: `(users, n)` scores without boosts.
    """
    is_by_score = (lists.origin == PlacementSource.MODEL) & (lists.items >= 0)
    known = np.where((lists.items >= 0) & (lists.origin != PlacementSource.RELAXED), scores, -np.inf)
    # The highest score of all places below; the last place has none.
    highest = np.maximum.accumulate(known[:, ::-1], axis=1)[:, ::-1]
    below = np.column_stack([highest[:, 1:], np.full(len(known), -np.inf)])
    lists.origin[is_by_score & (below > scores)] = PlacementSource.BOOST


def make_empty_lists(users: int, n: int) -> RerankedLists:
    """Make lists without phones."""
    return RerankedLists(
        np.full((users, n), -1, np.int32),
        np.zeros((users, n), np.int8),
        np.full((users, n), np.nan, np.float32),
    )

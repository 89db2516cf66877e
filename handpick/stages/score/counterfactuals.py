"""Counterfactuals: which event or query of a user raised a phone's score.

They are found by removing each and scoring again.

An explanation names an event or a query only if the phone's score falls without it. This holds for any model,
and states what the model used; attention weights or similarities might mean something else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from handpick.stages.score.boosts import compute_score_deviation
from handpick.stages.score.scorer import Scorer, split_into_blocks
from models.dataset import BoolArray, Dataset, FloatArray, IntArray
from models.topn.pair_scores import compute_exact_scores

MIN_FALL = 0.02
"""Smallest fall of the score that counts, in standard deviations of the user's scores over the catalogue."""


@dataclass(frozen=True)
class Counterfactuals:
    """The strongest counterfactuals of each row of the lists.

    Args:
        anchor: `(rows,)` phone of the user's history without which the score falls most, -1 for none.
        anchor_fall: `(rows,)` that fall, in standard deviations.
        query: `(rows,)` index of the user's latest query where the score falls without it, else -1.
        query_fall: `(rows,)` that fall, in standard deviations.
        is_history: `(rows,)` whether the score falls without all events of the user.
        is_owned: `(rows,)` whether it falls without the phone that the user owns by their account.
    """

    anchor: IntArray
    anchor_fall: FloatArray
    query: IntArray
    query_fall: FloatArray
    is_history: BoolArray
    is_owned: BoolArray


def find_counterfactuals(
    scorer: Scorer,
    data: Dataset,
    vectors: FloatArray,
    users: IntArray,
    row_user: IntArray,
    row_item: IntArray,
    *,
    anchors: int,
    batch_users: int,
) -> Counterfactuals:
    """Remove each user's latest query, phones of their history, all of it, and the phone that they own.

    Something is removed from all users at once and all are scored again, so the cost is `anchors + 4` passes,
    whatever the number of users. Members that read other users' data see the same changed data in every
    block.

    Args:
        scorer: The model.
        data: The night's dataset.
        vectors: `(items, d)` phone vectors, which choose the phones that are tried.
        users: Indices of the users whose lists come from the model, ascending.
        row_user: `(rows,)` place in `users` of each row, ascending.
        row_item: `(rows,)` phone of each row.
        anchors: Number of phones of a history that are tried.
        batch_users: Users whose factors are in memory at once.
    """
    before, scale = np.zeros(len(row_user), np.float32), np.zeros(len(users), np.float32)
    for some in split_into_blocks(np.arange(len(users)), batch_users):
        factors, rows = scorer.factors(data, users[some]), _find_rows(row_user, some)
        scale[some] = np.maximum(compute_score_deviation(factors), 1e-12)
        before[rows] = compute_exact_scores(
            factors.users, factors.items, row_user[rows] - some[0], row_item[rows]
        )

    def fall(changed: Dataset, who: NDArray[np.bool_]) -> FloatArray:
        """Measure how far scores of some users' rows fall with changed data; 0 for other rows."""
        result = np.zeros(len(row_user), np.float32)
        for some in split_into_blocks(np.flatnonzero(who), batch_users):
            rows = np.flatnonzero(np.isin(row_user, some))
            without = scorer.factors(changed, users[some])
            place = np.searchsorted(some, row_user[rows])
            after = compute_exact_scores(without.users, without.items, place, row_item[rows])
            # In standard deviations, so that falls of different users and models are comparable.
            result[rows] = (before[rows] - after) / scale[row_user[rows]]
        return result

    latest = find_latest_queries(data)[users]
    query_fall = fall(_remove_queries(data, latest[latest >= 0]), latest >= 0)
    anchor = np.full(len(row_user), -1, np.int64)
    anchor_fall = np.zeros(len(row_user), np.float32)
    for chosen in _choose_anchors(data, vectors, users, row_user, row_item, anchors):
        fallen = fall(_remove_pairs(data, users, chosen), chosen >= 0)
        # A phone that the user already knows must not be explained by itself.
        fallen[chosen[row_user] == row_item] = 0
        better = fallen > np.maximum(anchor_fall, MIN_FALL)
        anchor[better], anchor_fall[better] = chosen[row_user[better]], fallen[better]
    owned = data.users.owned_item[users]
    has_history = np.isin(users, data.interactions.positive().user)
    return Counterfactuals(
        anchor,
        anchor_fall,
        np.where(query_fall > MIN_FALL, latest[row_user], -1),
        query_fall,
        is_history=fall(_remove_histories(data, users), has_history) > MIN_FALL,
        is_owned=fall(_remove_owned(data), owned >= 0) > MIN_FALL,
    )


def _find_rows(row_user: IntArray, some: IntArray) -> IntArray:
    """Find the rows of consecutive users."""
    return np.flatnonzero((row_user >= some[0]) & (row_user <= some[-1]))


def find_latest_queries(data: Dataset) -> IntArray:
    """Find the index of each user's latest query: `(users,)`, -1 where there is none."""
    # Queries are sorted by user and time, and of several writes to one row numpy keeps the last.
    latest = np.full(len(data.users), -1, np.int64)
    latest[data.queries.user] = np.arange(len(data.queries))
    return latest


def _remove_queries(data: Dataset, gone: IntArray) -> Dataset:
    """Return the data without some queries."""
    queries = data.queries
    keep = np.ones(len(queries), bool)
    keep[gone] = False
    rows = np.flatnonzero(keep)
    return replace(
        data,
        queries=replace(
            queries,
            user=queries.user[rows],
            at=queries.at[rows],
            modalities={name: modality.take(rows) for name, modality in queries.modalities.items()},
            query_ids=queries.query_ids[rows],
            text=queries.text[rows],
        ),
    )


def _remove_histories(data: Dataset, users: IntArray) -> Dataset:
    """Return the data without any event of some users."""
    keep = ~np.isin(data.interactions.user, users)
    return replace(
        data,
        interactions=data.interactions.where(keep),
        context=None if data.context is None else data.context[keep],
    )


def _remove_owned(data: Dataset) -> Dataset:
    """Return the data without the phones that users own by their accounts."""
    nothing = np.full_like(data.users.owned_item, -1)
    return replace(data, users=replace(data.users, owned_item=nothing))


def _remove_pairs(data: Dataset, users: IntArray, items: IntArray) -> Dataset:
    """Return the data without each user's events on one phone (-1: nothing is removed)."""
    gone = np.full(len(data.users), -1, np.int64)
    gone[users] = items
    keep = gone[data.interactions.user] != data.interactions.item
    return replace(
        data,
        interactions=data.interactions.where(keep),
        context=None if data.context is None else data.context[keep],
    )


def _choose_anchors(
    data: Dataset, vectors: FloatArray, users: IntArray, row_user: IntArray, row_item: IntArray, count: int
) -> list[IntArray]:
    """Choose the phones of each user's history that are most similar to the whole list.

    Returns:
        `count` arrays `(users,)`, the most similar first, -1 for none.
    """
    events = data.interactions.positive()
    place = np.full(len(data.users), -1, np.int64)
    place[users] = np.arange(len(users))
    mine = place[events.user] >= 0
    known = np.unique(np.column_stack([place[events.user[mine]], events.item[mine]]), axis=0)
    # The sum of a list's vectors: its product with a phone is the sum of the similarities to the list.
    list_vector = np.zeros((len(users), vectors.shape[1]), np.float32)
    np.add.at(list_vector, row_user, vectors[row_item])
    near = (
        np.einsum("hd,hd->h", vectors[known[:, 1]], list_vector[known[:, 0]]) if len(known) else np.zeros(0)
    )
    # By user, then similarity, then phone, so that the choice does not depend on the order of events.
    order = np.lexsort((known[:, 1], -near, known[:, 0]))
    known = known[order]
    nth = np.arange(len(known)) - np.searchsorted(known[:, 0], known[:, 0])
    found = []
    for number in range(count):
        rows = known[nth == number]
        chosen = np.full(len(users), -1, np.int64)
        chosen[rows[:, 0]] = rows[:, 1]
        found.append(chosen)
    return found

"""Which of the things a user did or asked raised a phone's score: found by taking each away and scoring again.

A reason names a cause only if the phone's score falls without it. That is what the model really used, whichever
model it is; nothing is read from weights that might mean something else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from handpick.stages.score.candidates import spread
from handpick.stages.score.scorer import Scorer, blocks
from models.data import Dataset, FloatArray, IntArray
from models.topn.exact import exact_scores

LEAST_FALL = 0.02
"""Least fall of the score that counts as a cause, in standard deviations of the user's scores over the catalogue."""


@dataclass(frozen=True)
class Causes:
    """For each row of the lists, what its strongest cause is.

    Args:
        anchor: `(rows,)` phone of the user's history without which the score falls most, -1 for none.
        anchor_fall: `(rows,)` that fall, in standard deviations.
        query: `(rows,)` index of the user's latest query where the score falls without it, else -1.
        query_fall: `(rows,)`.
    """

    anchor: IntArray
    anchor_fall: FloatArray
    query: IntArray
    query_fall: FloatArray


def find_causes(
    scorer: Scorer,
    data: Dataset,
    vectors: FloatArray,
    users: IntArray,
    row_user: IntArray,
    row_item: IntArray,
    *,
    anchors: int,
    at_once: int,
) -> Causes:
    """Take away each user's latest query, then each of the phones that could be named, and see which scores fall.

    Args:
        users: Those whose lists come from the model, ascending.
        row_user, row_item: `(rows,)` place in `users`, and phone.
        anchors: How many phones of a history are tried.
        at_once: Users whose factors may be in memory. What is taken away is taken from all users, so that it makes no
            difference to members that look at everybody.
    """
    before, scale = np.zeros(len(row_user), np.float32), np.zeros(len(users), np.float32)
    for some in blocks(np.arange(len(users)), at_once):
        factors, rows = scorer.factors(data, users[some]), _rows_of(row_user, some)
        scale[some] = np.maximum(spread(factors), 1e-12)
        before[rows] = exact_scores(factors.users, factors.items, row_user[rows] - some[0], row_item[rows])

    def fall(changed: Dataset, who: NDArray[np.bool_]) -> FloatArray:
        """How far the rows of some users fall when the data is changed; 0 for the others' rows."""
        result = np.zeros(len(row_user), np.float32)
        for asked in blocks(np.flatnonzero(who), at_once):
            rows = np.flatnonzero(np.isin(row_user, asked))
            without = scorer.factors(changed, users[asked])
            place = np.searchsorted(asked, row_user[rows])
            after = exact_scores(without.users, without.items, place, row_item[rows])
            result[rows] = (before[rows] - after) / scale[row_user[rows]]
        return result

    latest = latest_query(data)[users]
    query_fall = fall(_without_queries(data, latest[latest >= 0]), latest >= 0)
    anchor = np.full(len(row_user), -1, np.int64)
    anchor_fall = np.zeros(len(row_user), np.float32)
    for chosen in _anchors(data, vectors, users, row_user, row_item, anchors):
        fallen = fall(_without_pairs(data, users, chosen), chosen >= 0)
        # A phone is not a reason for itself.
        fallen[chosen[row_user] == row_item] = 0
        better = fallen > np.maximum(anchor_fall, LEAST_FALL)
        anchor[better], anchor_fall[better] = chosen[row_user[better]], fallen[better]
    return Causes(anchor, anchor_fall, np.where(query_fall > LEAST_FALL, latest[row_user], -1), query_fall)


def _rows_of(row_user: IntArray, some: IntArray) -> IntArray:
    """The rows of consecutive users."""
    return np.flatnonzero((row_user >= some[0]) & (row_user <= some[-1]))


def latest_query(data: Dataset) -> IntArray:
    """`(users,)`: index of each user's latest query, -1 where there is none. Queries are sorted by user and time."""
    latest = np.full(len(data.users), -1, np.int64)
    latest[data.queries.user] = np.arange(len(data.queries))
    return latest


def _without_queries(data: Dataset, gone: IntArray) -> Dataset:
    """The data without some queries."""
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


def _without_pairs(data: Dataset, users: IntArray, items: IntArray) -> Dataset:
    """The data without anything that each of the users did with one phone (-1: nothing is taken away)."""
    gone = np.full(len(data.users), -1, np.int64)
    gone[users] = items
    keep = gone[data.interactions.user] != data.interactions.item
    return replace(
        data,
        interactions=data.interactions.where(keep),
        context=None if data.context is None else data.context[keep],
    )


def _anchors(
    data: Dataset, vectors: FloatArray, users: IntArray, row_user: IntArray, row_item: IntArray, count: int
) -> list[IntArray]:
    """The phones of each user's history that are most alike to the whole list: `count` arrays `(users,)`, -1 for none."""
    events = data.interactions.positive()
    place = np.full(len(data.users), -1, np.int64)
    place[users] = np.arange(len(users))
    mine = place[events.user] >= 0
    known = np.unique(np.column_stack([place[events.user[mine]], events.item[mine]]), axis=0)
    wanted = np.zeros((len(users), vectors.shape[1]), np.float32)
    np.add.at(wanted, row_user, vectors[row_item])
    near = np.einsum("hd,hd->h", vectors[known[:, 1]], wanted[known[:, 0]]) if len(known) else np.zeros(0)
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

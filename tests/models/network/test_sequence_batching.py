"""Query sampling for the newcomers' loss: a random half of a user's queries, before a choice or after it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.network.data_signature import build_signature
from models.network.sequence_batching import DAYS_SINCE_NEVER, SequenceBatcher
from models.network.user_sequences import build_user_sequences
from tests.models.toy_shop import DAY, toy_config, toy_shop

ASKERS = np.array([0, 0, 0, 2])
"""User 0 asks on days 2, 6 and 9, user 2 on day 6, user 1 never."""


def batcher(queries: int = 8) -> SequenceBatcher:
    data = toy_shop(None, None, ASKERS)
    data = replace(data, queries=replace(data.queries, at=np.array([2, 6, 9, 6]) * DAY))
    sequences = build_user_sequences(data)
    return SequenceBatcher(data, sequences, build_signature(data), toy_config("concat").history, queries, 8)


def test_queries_before_and_after_are_taken_where_their_draw_is_low() -> None:
    draws = np.array([0.1, 0.9, 0.4, 0.99], np.float32)
    users = np.array([0, 1, 2])
    queries, since = batcher().sample_queries(users, np.full(3, 5 * DAY), draws)
    taken = [sorted(row[row < 4].tolist()) for row in queries.numpy()]
    assert taken == [[0, 2], [], [3]]  # the draw of the last is high, but it is all that user 2 ever asked
    days = dict(zip(queries.numpy().ravel().tolist(), since.numpy().ravel().tolist(), strict=True))
    assert (days[0], days[2], days[3], days[4]) == (3.0, 4.0, 1.0, DAYS_SINCE_NEVER)


def test_only_the_latest_are_taken_of_many() -> None:
    queries, _ = batcher(queries=2).sample_queries(
        np.array([0]), np.array([5 * DAY]), np.zeros(4, np.float32)
    )
    assert sorted(queries.numpy().ravel().tolist()) == [1, 2]

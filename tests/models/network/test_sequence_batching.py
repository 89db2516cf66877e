"""What a newcomer's answer is learned from: some of all that a user ever asks, before a choice or after it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.network.data_signature import signature_of
from models.network.sequence_batching import LONG_AGO, Reader
from models.network.user_sequences import tell
from tests.models.toy_shop import DAY, config, toy

ASKERS = np.array([0, 0, 0, 2])
"""User 0 asks on days 2, 6 and 9, user 2 on day 6, user 1 never."""


def reader(queries: int = 8) -> Reader:
    data = toy(None, None, ASKERS)
    data = replace(data, queries=replace(data.queries, at=np.array([2, 6, 9, 6]) * DAY))
    return Reader(data, tell(data), signature_of(data), config("concat").history, queries, 8)


def test_questions_before_and_after_are_heard_where_luck_has_it() -> None:
    luck = np.array([0.1, 0.9, 0.4, 0.99], np.float32)
    users = np.array([0, 1, 2])
    queries, since = reader().ever_asked(users, np.full(3, 5 * DAY), luck)
    heard = [sorted(row[row < 4].tolist()) for row in queries.numpy()]
    assert heard == [[0, 2], [], [3]]  # the last has no luck, but is all that user 2 ever asked
    days = dict(zip(queries.numpy().ravel().tolist(), since.numpy().ravel().tolist(), strict=True))
    assert (days[0], days[2], days[3], days[4]) == (3.0, 4.0, 1.0, LONG_AGO)


def test_only_the_latest_are_heard_of_many() -> None:
    queries, _ = reader(queries=2).ever_asked(np.array([0]), np.array([5 * DAY]), np.zeros(4, np.float32))
    assert sorted(queries.numpy().ravel().tolist()) == [1, 2]

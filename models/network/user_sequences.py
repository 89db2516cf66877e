"""Every user's story: what they did and asked, in order; and the questions that a night puts to it.

Lists are made at midnight and shown on the day after. So the model is asked at midnights: for each user and day with
something to predict, what was known before that day is given, and what was chosen on that day is to be foreseen. A
phone that a user viewed, put into the cart and bought on one day is one token and one choice, the strongest of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.data import EVENT_TYPES, Dataset, IntArray

DAY = 86_400
DAYS, PHONES = 1 << 16, 1 << 24
"""Bounds that keep a user, a day and a phone in one 64-bit number: days to the year 2149, 16 million phones."""
KINDS = len(EVENT_TYPES)
"""Of tokens."""
IMPRESSION = EVENT_TYPES.index("impression")


@dataclass(frozen=True)
class Trail:
    """Phones that users had to do with, sorted by user, then time.

    Args:
        start: `(users + 1,)` where each user's begin.
        item: `(n,)` index into the catalogue.
        at: `(n,)` seconds since 1970 UTC.
    """

    start: IntArray
    item: IntArray
    at: IntArray

    def latest(self, users: IntArray, moments: IntArray, most: int) -> tuple[IntArray, IntArray]:
        """`(n,)` and `(n,)`: the first, and one past the last, of at most so many before each moment."""
        end = before(self.start, self.at, users, moments)
        return np.maximum(self.start[users], end - most), end


@dataclass(frozen=True)
class Stories:
    """Tokens of all users, sorted by user, then time.

    Args:
        start: `(users + 1,)` where each user's tokens begin.
        item: `(tokens,)` index into the catalogue.
        kind: `(tokens,)` event type.
        at: `(tokens,)` seconds since 1970 UTC.
        chosen: Of these, what showed that a phone is liked.
        shown: What the shop showed, chosen or not.
        query_start: `(users + 1,)` where each user's queries begin, in the order of `Dataset.queries`.
        query_at: `(queries,)` seconds since 1970 UTC.
    """

    start: IntArray
    item: IntArray
    kind: IntArray
    at: IntArray
    chosen: Trail
    shown: Trail
    query_start: IntArray
    query_at: IntArray

    def known(self, users: IntArray, moments: IntArray) -> IntArray:
        """`(n,)`: one past the last token of each user before each moment."""
        return before(self.start, self.at, users, moments)

    def asked(self, users: IntArray, moments: IntArray) -> IntArray:
        """`(n,)`: one past the last query of each user before each moment."""
        return before(self.query_start, self.query_at, users, moments)


def tell(data: Dataset) -> Stories:
    """The stories of a dataset's users."""
    events, users = data.interactions, len(data.users)
    rows = strongest(data)
    return Stories(
        start=starts(events.user[rows], users),
        item=events.item[rows],
        kind=events.event_type[rows].astype(np.int64),
        at=events.at[rows],
        chosen=_trail(data, rows[events.weight[rows] > 0]),
        shown=_trail(data, np.flatnonzero(events.event_type == IMPRESSION)),
        query_start=starts(data.queries.user, users),
        query_at=data.queries.at,
    )


def _trail(data: Dataset, rows: IntArray) -> Trail:
    events = data.interactions
    return Trail(starts(events.user[rows], len(data.users)), events.item[rows], events.at[rows])


def strongest(data: Dataset) -> IntArray:
    """Rows of interactions that tell something: of those of one user, phone and day the strongest, in their order."""
    events = data.interactions
    rows = np.flatnonzero(events.weight != 0)
    key = (events.at[rows] // DAY, events.item[rows], events.user[rows])
    order = np.lexsort((-np.abs(events.weight[rows]), *key))
    day, item, user = (part[order] for part in key)
    is_first = np.ones(len(order), bool)
    is_first[1:] = (day[1:] != day[:-1]) | (item[1:] != item[:-1]) | (user[1:] != user[:-1])
    return np.sort(rows[order[is_first]])


def starts(sorted_users: IntArray, users: int) -> IntArray:
    """`(users + 1,)`: where each user's rows begin."""
    return np.searchsorted(sorted_users, np.arange(users + 1)).astype(np.int64)


def before(start: IntArray, at: IntArray, users: IntArray, moments: IntArray) -> IntArray:
    """One past the last row of each user before each moment, by bisection in all rows at once."""
    low, high = start[users].copy(), start[users + 1].copy()
    while (open_ := low < high).any():
        middle = (low + high) // 2
        earlier = open_ & (at[np.minimum(middle, max(len(at) - 1, 0))] < moments)
        low = np.where(earlier, middle + 1, low)
        high = np.where(open_ & ~earlier, middle, high)
    return low

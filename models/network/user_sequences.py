"""User sequences: each user's events and queries in order of time, with lookups by time.

Lists are made at midnight and shown on the day after, so sequences are read as of midnights: what was known
before that day is the input. A phone that a user viewed, put into the cart and bought on one day is one
token, the strongest of these events.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.dataset import DAY_SECONDS, EVENT_TYPES, Dataset, IntArray

EVENT_TYPE_COUNT = len(EVENT_TYPES)
IMPRESSION = EVENT_TYPES.index("impression")


@dataclass(frozen=True)
class ItemEvents:
    """Events on phones, of one kind, sorted by user, then time.

    Args:
        start: `(users + 1,)` where each user's begin.
        item: `(n,)` index into the catalogue.
        at: `(n,)` seconds since 1970 UTC.
    """

    start: IntArray
    item: IntArray
    at: IntArray

    def find_latest(self, users: IntArray, times: IntArray, limit: int) -> tuple[IntArray, IntArray]:
        """Return the rows of each user's latest events before a time, as half-open ranges.

        Args:
            users: `(n,)` indices into `Dataset.users`.
            times: `(n,)` seconds since 1970 UTC.
            limit: Maximum number of events of each user.

        Returns:
            `(n,)` first rows and `(n,)` ends.
        """
        end = find_ends_before(self.start, self.at, users, times)
        return np.maximum(self.start[users], end - limit), end


@dataclass(frozen=True)
class UserSequences:
    """Tokens of all users, sorted by user, then time.

    Args:
        start: `(users + 1,)` where each user's tokens begin.
        item: `(tokens,)` index into the catalogue.
        kind: `(tokens,)` event type.
        at: `(tokens,)` seconds since 1970 UTC.
        chosen: Those tokens that show that a phone is liked.
        shown: Impressions, chosen or not.
        query_start: `(users + 1,)` where each user's queries begin, in the order of `Dataset.queries`.
        query_at: `(queries,)` seconds since 1970 UTC.
    """

    start: IntArray
    item: IntArray
    kind: IntArray
    at: IntArray
    chosen: ItemEvents
    shown: ItemEvents
    query_start: IntArray
    query_at: IntArray

    def find_token_ends(self, users: IntArray, times: IntArray) -> IntArray:
        """Return `(n,)` one past the last token of each user before each time."""
        return find_ends_before(self.start, self.at, users, times)

    def find_query_ends(self, users: IntArray, times: IntArray) -> IntArray:
        """Return `(n,)` one past the last query of each user before each time."""
        return find_ends_before(self.query_start, self.query_at, users, times)


def build_user_sequences(data: Dataset) -> UserSequences:
    """Return the sequences of a dataset's users."""
    events, users = data.interactions, len(data.users)
    rows = select_strongest(data)
    return UserSequences(
        start=_find_starts(events.user[rows], users),
        item=events.item[rows],
        kind=events.event_type[rows].astype(np.int64),
        at=events.at[rows],
        chosen=_select_item_events(data, rows[events.weight[rows] > 0]),
        shown=_select_item_events(data, np.flatnonzero(events.event_type == IMPRESSION)),
        query_start=_find_starts(data.queries.user, users),
        query_at=data.queries.at,
    )


def _select_item_events(data: Dataset, rows: IntArray) -> ItemEvents:
    """Return some rows of the interactions, which are in the order of user and time."""
    events = data.interactions
    return ItemEvents(_find_starts(events.user[rows], len(data.users)), events.item[rows], events.at[rows])


def select_strongest(data: Dataset) -> IntArray:
    """Return rows of interactions with a weight: the strongest of each user, phone and day.

    Rows keep their order.
    """
    events = data.interactions
    rows = np.flatnonzero(events.weight != 0)
    key = (events.at[rows] // DAY_SECONDS, events.item[rows], events.user[rows])
    order = np.lexsort((-np.abs(events.weight[rows]), *key))
    day, item, user = (part[order] for part in key)
    is_first = np.ones(len(order), bool)
    is_first[1:] = (day[1:] != day[:-1]) | (item[1:] != item[:-1]) | (user[1:] != user[:-1])
    return np.sort(rows[order[is_first]])


def _find_starts(sorted_users: IntArray, users: int) -> IntArray:
    """Return `(users + 1,)` where each user's rows begin."""
    return np.searchsorted(sorted_users, np.arange(users + 1)).astype(np.int64)


def find_ends_before(start: IntArray, at: IntArray, users: IntArray, times: IntArray) -> IntArray:
    """Return one past the last row of each user before each time.

    A bisection for all pairs at once: `np.searchsorted` knows one sorted array only, and here each user has
    their own.

    Args:
        start: `(users + 1,)` where each user's rows begin.
        at: `(rows,)` seconds since 1970 UTC, ascending for each user.
        users: `(n,)` rows of `start`.
        times: `(n,)` seconds since 1970 UTC.
    """
    low, high = start[users].copy(), start[users + 1].copy()
    while (open_ := low < high).any():
        middle = (low + high) // 2
        # closed intervals may point behind the last row; what is read there is not used
        earlier = open_ & (at[np.minimum(middle, max(len(at) - 1, 0))] < times)
        low = np.where(earlier, middle + 1, low)
        high = np.where(open_ & ~earlier, middle, high)
    return low

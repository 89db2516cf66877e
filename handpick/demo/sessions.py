"""Simulates the events of a day: impressions, views, carts, purchases, and later returns and ratings."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from handpick.dataset.oracle.expected_opens import SLOTS
from handpick.demo.array_types import Bools, Doubles, Floats, Ints
from handpick.demo.click_model import MAX_SEARCHES, simulate_choices
from handpick.demo.customers import Customers
from handpick.demo.parameters import (
    BOT_SHARE,
    NOMINAL_DAYS,
    PAID_CART_SHARE,
    RATED_SHARE,
    RETURNED_SHARE,
    Plan,
)

IMPRESSION, VIEW, CART, PURCHASE, RETURN, RATING = range(6)
EVENT_NAMES = ("impression", "view", "cart", "purchase", "return", "rating")
WEEK = np.array([0.9, 0.9, 0.95, 1.0, 1.1, 1.2, 0.95])
HOURS = np.array([1, 1, 1, 1, 1, 2, 4, 6, 7, 7, 7, 8, 9, 8, 7, 7, 8, 9, 11, 13, 14, 12, 7])
"""Relative number of sessions that start in each hour from midnight to 22:59 UTC."""

SECOND = 1_000_000
CART_CHANCE, CART_RESERVE = 0.35, 3.2
"""An opened phone goes into the cart with probability `CART_CHANCE · sigmoid(utility - CART_RESERVE)`."""

BOT_VIEWS = 60
"""Phones that a bot opens in one visit."""


@dataclass
class Events:
    """Events as arrays; rows are events.

    Args:
        user: Row of the customer.
        item: Row of the phone.
        kind: Event type, an index into `EVENT_NAMES`.
        value: Position of an impression, price of a purchase, stars of a rating; NaN for others.
        at: Microseconds since 1970 UTC.
        session: Number of the session within the day, -1 for none.
    """

    user: Ints
    item: Ints
    kind: Ints
    value: Doubles
    at: Ints
    session: Ints

    def __len__(self) -> int:
        return len(self.user)

    def select(self, keep: Bools | Ints) -> Events:
        """Return the events that a mask or row numbers select."""
        return Events(*(getattr(self, f.name)[keep] for f in fields(self)))

    @classmethod
    def concat(cls, parts: list[Events]) -> Events:
        """Concatenate events."""
        return cls(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)))

    @classmethod
    def empty(cls) -> Events:
        """Return an empty `Events`."""
        none = np.zeros(0, np.int64)
        return cls(none, none, none, np.zeros(0), none, none)


def draw_visitors(plan: Plan, customers: Customers, day: int) -> Ints:
    """Draw the customers who visit on a day; return their rows, once per session."""
    random = plan.stream("visits", day)
    acts = customers.first_day <= day
    week = WEEK[plan.date_of(day).weekday()]
    return np.repeat(np.arange(len(customers)), random.poisson(customers.rate * acts * week))


def simulate_day(
    plan: Plan,
    customers: Customers,
    sides: tuple[Floats, Floats],
    visitor_rows: Ints,
    on_sale_rows: Ints,
    on_sale_factors: Floats,
    euros: Doubles,
    owned: Ints,
    day: int,
) -> tuple[Events, Events]:
    """Simulate the events of a day, and the returns and ratings that will follow on later days.

    Args:
        plan: The plan, for its sizes and random streams.
        customers: All customers.
        sides: `(sessions, d)` factors and `(sessions,)` constants of the visitors, as `user_factors` returns
            them.
        visitor_rows: `(sessions,)` rows of the visitors.
        on_sale_rows: `(on sale,)` rows of the phones on sale.
        on_sale_factors: `(on sale, d)` factors of these phones.
        euros: `(on sale,)` prices in EUR.
        owned: Sorted keys (`encode_pairs`) of the phones that customers own, which they do not look at again.
        day: The day, counted from 0.

    Returns:
        The events of the day, and the events that will follow.
    """
    random = plan.stream("sessions", day)
    start = plan.micros_of(day) + (
        random.choice(23, len(visitor_rows), p=HOURS / HOURS.sum()) * 3600 * SECOND
        + random.integers(0, 3600 * SECOND, len(visitor_rows))
    )
    parts: list[Events] = []
    for group in _group_sessions(len(visitor_rows), len(on_sale_rows), plan.size.phones_per_group, random):
        sessions, columns = group
        draws = simulate_choices(sides[0][sessions], sides[1][sessions], on_sale_factors[columns], random)
        parts += _build_views(
            draws.shown,
            draws.clicked,
            draws.found,
            sessions,
            on_sale_rows[columns],
            visitor_rows,
            start,
            random,
        )
        utility = np.column_stack([draws.shown_utility, draws.found_utility])
        opened = np.column_stack([draws.clicked, draws.found >= 0])
        items = on_sale_rows[columns][np.column_stack([draws.shown, draws.found])]
        prices = euros[columns][np.column_stack([draws.shown, draws.found])]
        parts += _simulate_purchases(
            utility, opened, items, prices, sessions, visitor_rows, start, owned, random
        )
    events = Events.concat([*parts, _simulate_bots(plan, customers, on_sale_rows, day, random)])
    # Draws are made over all phones on sale; owned ones are removed afterwards.
    events = events.select(~find_known_keys(encode_pairs(events.user, events.item), owned))
    later_events = _simulate_later_events(plan, events, day, random)
    return events, later_events


def encode_pairs(user: Ints, item: Ints) -> Ints:
    """Encode each pair of a customer and a phone as one number: the phone in the lower 24 bits."""
    return user * np.int64(1 << 24) + item


def find_known_keys(keys: Ints, known: Ints) -> Bools:
    """Return whether each key is among the known ones, which must be sorted."""
    if not len(known):
        return np.zeros(keys.shape, np.bool_)
    # Binary search: np.isin would sort the millions of known pairs again for each call.
    place = np.minimum(np.searchsorted(known, keys), len(known) - 1)
    return known[place] == keys


def _group_sessions(
    sessions: int, columns: int, limit: int, random: np.random.Generator
) -> list[tuple[Ints, Ints]]:
    """Group sessions with the phones they choose among: all, or a random `limit` for each 2,000 sessions."""
    if columns <= limit:
        return [(np.arange(sessions), np.arange(columns))]
    return [
        (np.arange(start, min(start + 2000, sessions)), np.sort(random.choice(columns, limit, replace=False)))
        for start in range(0, sessions, 2000)
    ]


def _build_views(
    shown: Ints,
    clicked: Bools,
    found: Ints,
    sessions: Ints,
    rows: Ints,
    visitor_rows: Ints,
    start: Ints,
    random: np.random.Generator,
) -> list[Events]:
    """Build the impressions and views of sessions from what was shown, clicked and found."""
    at_slate = np.broadcast_to(start[sessions][:, None], shown.shape)
    at_view = at_slate + SECOND * (5 + 25 * np.arange(SLOTS)[None, :] + random.integers(0, 20, shown.shape))
    at_search = start[sessions][:, None] + SECOND * (
        260 + 70 * np.arange(MAX_SEARCHES)[None, :] + random.integers(0, 60, found.shape)
    )
    # Positions count the phones that are shown, without the repeated draws.
    position = np.cumsum(shown >= 0, axis=1)

    def build_events(which: Bools, items: Ints, kind: int, value: Doubles | None, at: Ints) -> Events:
        session, _ = np.nonzero(which)
        count = len(session)
        return Events(
            user=visitor_rows[sessions[session]],
            item=rows[items[which]],
            kind=np.full(count, kind, np.int64),
            value=np.full(count, np.nan) if value is None else value[which].astype(np.float64),
            at=at[which],
            session=sessions[session],
        )

    return [
        build_events(shown >= 0, shown, IMPRESSION, position.astype(np.float64), at_slate),
        build_events(clicked, shown, VIEW, None, at_view),
        build_events(found >= 0, found, VIEW, None, at_search),
    ]


def _simulate_purchases(
    utility: Floats,
    opened: Bools,
    items: Ints,
    prices: Doubles,
    sessions: Ints,
    visitor_rows: Ints,
    start: Ints,
    owned: Ints,
    random: np.random.Generator,
) -> list[Events]:
    """Simulate carts, and at most one purchase per session; both are likelier the higher the utility."""
    chance = CART_CHANCE / (1 + np.exp(CART_RESERVE - utility))
    carted = opened & (random.random(opened.shape) < chance)
    carted &= ~find_known_keys(
        encode_pairs(np.broadcast_to(visitor_rows[sessions][:, None], items.shape), items), owned
    )
    session, slot = np.nonzero(carted)
    pays = random.random(len(session)) < PAID_CART_SHARE
    at = start[sessions[session]] + SECOND * (700 + 40 * slot)
    paying = np.flatnonzero(pays)
    # `session` is sorted, so that the first entry of each is the first phone that is paid for.
    bought = paying[np.unique(session[paying], return_index=True)[1]]

    def build_events(which: Ints, kind: int, value: Doubles, moment: Ints) -> Events:
        picked = session[which]
        return Events(
            user=visitor_rows[sessions[picked]],
            item=items[picked, slot[which]],
            kind=np.full(len(which), kind, np.int64),
            value=value,
            at=moment,
            session=sessions[picked],
        )

    every = np.arange(len(session))
    paid = np.round(prices[session[bought], slot[bought]], 2)
    return [
        build_events(every, CART, np.full(len(every), np.nan), at),
        build_events(bought, PURCHASE, paid, at[bought] + SECOND * 240),
    ]


def _simulate_later_events(plan: Plan, events: Events, day: int, random: np.random.Generator) -> Events:
    """Simulate what follows purchases within two weeks: returns and ratings."""
    bought = events.select(events.kind == PURCHASE)
    fate = random.random(len(bought))
    days = random.integers(2, 15, len(bought))
    at = (
        plan.micros_of(day)
        + days * 86_400 * SECOND
        + random.integers(8 * 3600, 22 * 3600, len(bought)) * SECOND
    )
    stars = np.clip(np.round(random.normal(4.1, 0.9, len(bought))), 1, 5)
    kind = np.where(fate < RETURNED_SHARE, RETURN, RATING)
    value = np.where(kind == RATING, stars, np.nan)
    session = np.full(len(bought), -1, np.int64)
    return Events(bought.user, bought.item, kind, value, at, session).select(
        fate < RETURNED_SHARE + RATED_SHARE
    )


def _simulate_bots(
    plan: Plan, customers: Customers, on_sale_rows: Ints, day: int, random: np.random.Generator
) -> Events:
    """Simulate bots: under an active customer's name, each opens `BOT_VIEWS` phones at three a second."""
    expected = BOT_SHARE * plan.size.events / NOMINAL_DAYS / BOT_VIEWS
    bots = int(random.poisson(expected))
    count = bots * BOT_VIEWS
    user = np.repeat(
        np.flatnonzero(customers.habit == 0)[random.integers(0, (customers.habit == 0).sum(), bots)],
        BOT_VIEWS,
    )
    pace = np.tile(np.arange(BOT_VIEWS) * (SECOND // 3), bots)
    at = plan.micros_of(day) + np.repeat(random.integers(0, 22 * 3600, bots), BOT_VIEWS) * SECOND + pace
    item = on_sale_rows[random.integers(0, len(on_sale_rows), count)]
    none = np.full(count, -1, np.int64)
    return Events(user, item, np.full(count, VIEW, np.int64), np.full(count, np.nan), at, none)

"""Parameters of the demo shop: sizes, difficulties, and one random stream per purpose and day."""

from __future__ import annotations

import zlib
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np

from handpick.errors import InputError

NOMINAL_DAYS = 60
"""Days for which the numbers of a rung are stated; longer shops have sign-ups and launches at the same
rate."""

DEFAULT_END = date(2026, 3, 1)

RETURNED_SHARE = 0.07
"""Share of purchases that are returned within two weeks."""
RATED_SHARE = 0.43
"""Share of purchases that are kept and rated within two weeks."""
PAID_CART_SHARE = 0.4
"""Share of phones in a cart that are paid for, of which a session buys the first."""
BOT_SHARE = 0.004
"""Share of a rung's events that bots cause."""


@dataclass(frozen=True)
class Rung:
    """A size of the demo shop, reached after `NOMINAL_DAYS` days.

    Args:
        users: Number of customers at the end.
        phones: Number of phones at the end.
        events: Number of events, impressions included.
        brands: Number of brands.
        lines_per_brand: Number of model lines of each brand.
        pixels: Width and height of the pictures.
        phones_per_group: Number of phones that a group of sessions chooses among, which bounds the work of a
            big shop.
        events_per_session: Events per expected session, as measured; converts events into sessions.
    """

    users: int
    phones: int
    events: int
    brands: int
    lines_per_brand: int
    pixels: int = 112
    phones_per_group: int = 6000
    events_per_session: float = 9.15

    @property
    def launches_per_day(self) -> float:
        """Number of new phones a day: 30 % of the catalogue over the nominal window, at least one."""
        return max(1.0, 0.3 * self.phones / NOMINAL_DAYS)

    @property
    def first_phones(self) -> int:
        """Number of phones before the first day."""
        return round(self.phones - self.launches_per_day * NOMINAL_DAYS)

    @property
    def signups_per_day(self) -> float:
        """Number of new customers a day: 25 % of all over the nominal window."""
        return 0.25 * self.users / NOMINAL_DAYS

    @property
    def first_users(self) -> int:
        """Number of customers before the first day."""
        return round(self.users - self.signups_per_day * NOMINAL_DAYS)


RUNGS = {
    "XS": Rung(users=200, phones=120, events=5_000, brands=8, lines_per_brand=3),
    "S": Rung(users=5_000, phones=600, events=150_000, brands=14, lines_per_brand=5, events_per_session=14.2),
    "M": Rung(
        users=100_000,
        phones=5_000,
        events=5_000_000,
        brands=32,
        lines_per_brand=12,
        pixels=96,
        events_per_session=15.2,
    ),
    "L": Rung(
        users=1_000_000,
        phones=50_000,
        events=50_000_000,
        brands=60,
        lines_per_brand=40,
        pixels=96,
        events_per_session=15.2,
    ),
}


@dataclass(frozen=True)
class Difficulty:
    """Parameters that make preferences easy or hard to learn.

    Args:
        sharpness: Factor of every utility; higher means that customers choose more often what they like best.
        shared_taste: Share of the variance of tastes that comes from an archetype, the rest being individual.
        hidden_weight: Standard deviation of the part of utility that no content shows.
        query_noise: Probability that a wish in a query is not the customer's own.
    """

    sharpness: float
    shared_taste: float
    hidden_weight: float
    query_noise: float


DIFFICULTIES = {
    "easy": Difficulty(sharpness=1.25, shared_taste=0.95, hidden_weight=0.4, query_noise=0.0),
    "default": Difficulty(sharpness=1.0, shared_taste=0.85, hidden_weight=0.6, query_noise=0.08),
    "hard": Difficulty(sharpness=0.75, shared_taste=0.65, hidden_weight=0.9, query_noise=0.2),
}


@dataclass(frozen=True)
class Plan:
    """All parameters that determine the bytes of a demo shop.

    Args:
        rung: Key of `RUNGS`.
        seed: Seed of all random streams.
        first_date: The date of day 0.
        days: Number of days.
        difficulty: Key of `DIFFICULTIES`.
        has_media: Whether pictures and recordings are made.
        catalog_digest: SHA-256 of the owner's catalogue whose phones are sold; None for made-up phones.
    """

    rung: str
    seed: int
    first_date: date
    days: int
    difficulty: str = "default"
    has_media: bool = True
    catalog_digest: str | None = None

    @classmethod
    def ending(
        cls,
        rung: str,
        seed: int,
        days: int,
        end: date,
        difficulty: str,
        has_media: bool,
        catalog_digest: str | None = None,
    ) -> Plan:
        """Return a plan whose last day is `end`; the other arguments are the fields of `Plan`.

        Raises:
            InputError: If the rung or difficulty is unknown, there is less than a day, or the seed is
                negative.
        """
        if rung not in RUNGS:
            raise InputError(f"--rung {rung}: there are {', '.join(RUNGS)}; nothing was written.")
        if difficulty not in DIFFICULTIES:
            raise InputError(
                f"--difficulty {difficulty}: there are {', '.join(DIFFICULTIES)}; nothing was written."
            )
        if days < 1:
            raise InputError(f"--days {days}: at least 1 is needed; nothing was written.")
        if seed < 0:
            raise InputError(f"--seed {seed}: a seed is not negative; nothing was written.")
        return cls(rung, seed, end - timedelta(days=days - 1), days, difficulty, has_media, catalog_digest)

    @property
    def size(self) -> Rung:
        """The sizes of the rung."""
        return RUNGS[self.rung]

    @property
    def difficulty_parameters(self) -> Difficulty:
        """The parameters of the difficulty."""
        return DIFFICULTIES[self.difficulty]

    def date_of(self, day: int) -> date:
        """Return the calendar date of a day counted from 0."""
        return self.first_date + timedelta(days=day)

    def micros_of(self, day: int) -> int:
        """Return the start of a day in microseconds since 1970 UTC."""
        midnight = datetime.combine(self.date_of(day), datetime.min.time(), UTC)
        return int(midnight.timestamp()) * 1_000_000

    def stream(self, purpose: str, day: int = 0) -> np.random.Generator:
        """Return the random generator of one purpose on one day, independent of all others."""
        # A stream per purpose and day: an added day, or one more draw for one purpose, changes no other
        # number. The purpose's name is hashed into the seed, so renaming one changes the shop's bytes.
        return np.random.default_rng([self.seed, zlib.crc32(purpose.encode()), day])

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary that `from_json` reads back."""
        return {**asdict(self), "first_date": self.first_date.isoformat()}

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> Plan:
        """Return the plan of a dictionary that `to_json` returned."""
        return cls(**{**saved, "first_date": date.fromisoformat(saved["first_date"])})

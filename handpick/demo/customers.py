"""Draws the customers: hidden tastes, budgets, frequency of visits, and the day of their first action."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from handpick.demo.array_types import Bools, Doubles, Ints
from handpick.demo.parameters import NOMINAL_DAYS, Plan
from handpick.demo.phones import FINISHES, HIDDEN, LAYOUTS
from handpick.demo.phrases import PERSONAS

COUNTRIES = ("DE", "FR", "GB", "US", "ES", "CN", "TW", "IN")
LOCALES = ("de-DE", "fr-FR", "en-GB", "en-US", "es-ES", "zh-CN", "zh-TW", "en-IN")
COUNTRY_SHARES = (0.22, 0.12, 0.14, 0.14, 0.08, 0.2, 0.04, 0.06)
WEALTH = (0.15, 0.1, 0.1, 0.2, -0.05, -0.1, 0.05, -0.45)
MEAN_BUDGET, BUDGET_SPREAD = 5.75, 0.45
"""Natural logarithm of the EUR that customers like to spend: mean, and standard deviation within a
country."""

ACTIVE, QUERYING, SILENT = range(3)
"""Habits: acts from sign-up on; only sends queries until the first day of action; does neither until then."""

NEVER = 100_000
"""First day of customers who never act."""

STYLE_TASTES = 8
HIDDEN_TASTES = 5
SPEC_TASTES = 6


@dataclass(frozen=True)
class Customers:
    """All customers who ever signed up; rows are in the order of sign-up.

    Args:
        specs: `(customers, 4)` tastes for the specs of phones.
        style: `(customers, 10)` tastes for looks.
        persona: `(customers, 6)` tastes for personas.
        hidden: `(customers, 3)` tastes for what no content shows.
        budget: Natural logarithm of the EUR that they like to spend.
        thrift: Weight of the squared difference between a price and the budget.
        fashion: Weight of the season's looks.
        rate: Expected sessions per day once active.
        ask_rate: Expected queries per day.
        habit: `ACTIVE`, `QUERYING` or `SILENT`.
        signup_day: Day of the sign-up; negative before the window.
        first_day: First day on which they may act; `NEVER` for some.
        country: Index into `COUNTRIES`.
        consent: Whether lists may be made for them.
        owned: Row of the phone that they came with, -1 where unknown.
    """

    specs: Doubles
    style: Doubles
    persona: Doubles
    hidden: Doubles
    budget: Doubles
    thrift: Doubles
    fashion: Doubles
    rate: Doubles
    ask_rate: Doubles
    habit: Ints
    signup_day: Ints
    first_day: Ints
    country: Ints
    consent: Bools
    owned: Ints

    def __len__(self) -> int:
        return len(self.budget)

    def concat(self, more: Customers) -> Customers:
        """Return these customers followed by more of them."""
        return Customers(
            *(np.concatenate([getattr(self, f.name), getattr(more, f.name)]) for f in fields(self))
        )

    def ids(self) -> list[str]:
        """Return the user ids: `U` and the number in the order of sign-up."""
        return [f"U{number:07d}" for number in range(1, len(self) + 1)]


@dataclass(frozen=True)
class Archetypes:
    """The archetypal tastes that customers vary around, one table of vectors per block."""

    specs: Doubles
    style: Doubles
    persona: Doubles
    hidden: Doubles


@lru_cache(maxsize=4)
def draw_archetypes(plan: Plan) -> Archetypes:
    """Draw the archetypes; blocks are independent, so that no modality reveals what another one does."""
    random = plan.stream("archetypes")
    hue = np.arange(STYLE_TASTES) * 2 * np.pi / STYLE_TASTES + random.uniform(0, 0.5)
    roundness = np.where(np.arange(STYLE_TASTES) % 2 == 0, 1.0, -1.0)
    layout = np.eye(len(LAYOUTS))[random.permutation(STYLE_TASTES) % len(LAYOUTS)]
    finish = np.eye(len(FINISHES))[random.permutation(STYLE_TASTES) % len(FINISHES)]
    style = np.column_stack(
        [1.5 * np.cos(hue), 1.5 * np.sin(hue), 0.6 * roundness, 0.9 * layout, 0.7 * finish]
    )
    specs = random.normal(0.15, 1.0, (SPEC_TASTES, 4))
    specs /= np.linalg.norm(specs, axis=1, keepdims=True) / 2
    hidden = random.normal(size=(HIDDEN_TASTES, HIDDEN))
    hidden /= np.linalg.norm(hidden, axis=1, keepdims=True) / np.sqrt(HIDDEN)
    persona = 3 * np.eye(len(PERSONAS)) - 0.5
    return Archetypes(specs, style, persona, hidden)


def draw_customers(plan: Plan, kinds: Archetypes, count: int, purpose: str, day: int) -> Customers:
    """Draw customers who sign up on a day of the window, or, for day -1, during the three years before it.

    Args:
        plan: The plan, for its difficulty and random streams.
        kinds: The archetypes.
        count: Number of customers.
        purpose: Name of the random stream.
        day: The day, counted from 0, or -1.
    """
    random = plan.stream(purpose, max(day, 0))
    # Square roots, as the share is one of variance.
    own = np.sqrt(1 - plan.difficulty_parameters.shared_taste)
    shared = np.sqrt(plan.difficulty_parameters.shared_taste)

    def taste(table: Doubles) -> Doubles:
        """Draw tastes around a table of archetypes: a shared part, and a part of each customer's own."""
        spread = table.std(axis=0, keepdims=True) + 1e-9
        which = random.integers(0, len(table), count)
        return shared * table[which] + own * spread * random.normal(size=(count, table.shape[1]))

    country = random.choice(len(COUNTRIES), count, p=COUNTRY_SHARES)
    budget = MEAN_BUDGET + np.array(WEALTH)[country] + random.normal(0, BUDGET_SPREAD, count)
    shares = (0.6, 0.24, 0.16) if day < 0 else (0.45, 0.33, 0.22)
    habit = random.choice(3, count, p=shares)
    signup = np.full(count, day, np.int64)
    if day < 0:
        # Rows are in the order of sign-up.
        signup = np.sort(-1 - random.integers(0, 1100, count))
    wait = 1 + random.geometric(1 / 45 if day < 0 else 1 / 25, count)
    # 15 % of those who do not act from sign-up on never act: cold-start users for the evaluation.
    wait = np.where(random.random(count) < 0.15, NEVER, wait)
    first_day = np.where(habit == ACTIVE, signup, np.maximum(signup, 0) + wait)
    asks = np.array([0.012, 0.05, 0.0])[habit]
    return Customers(
        specs=taste(kinds.specs),
        style=taste(kinds.style),
        persona=taste(kinds.persona),
        hidden=taste(kinds.hidden),
        budget=budget,
        thrift=random.uniform(0.5, 1.5, count),
        fashion=random.uniform(0, 1, count),
        rate=random.gamma(1.6, 1 / 1.6, count) * compute_mean_sessions(plan),
        ask_rate=asks * random.uniform(0.5, 1.5, count),
        habit=habit.astype(np.int64),
        signup_day=signup,
        first_day=first_day.astype(np.int64),
        country=country.astype(np.int64),
        consent=random.random(count) < 0.93,
        owned=np.full(count, -1, np.int64),
    )


def compute_mean_sessions(plan: Plan) -> float:
    """Return an active customer's expected sessions per day, which give the rung's number of events."""
    # By the shares of habits, about two thirds of the mean number of customers have begun to act.
    acting = 0.66 * (plan.size.first_users + plan.size.users) / 2
    return plan.size.events / NOMINAL_DAYS / plan.size.events_per_session / acting

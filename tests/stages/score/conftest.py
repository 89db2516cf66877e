"""A small shop with facts that each test chooses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest

from handpick.stages.score.item_metadata import COMPARED_CATEGORIES, COMPARED_NUMBERS, ScoringData
from models.dataset import EVENT_TYPES, Catalogue, Dataset, Interactions, Modality, Queries
from tests.models.plain_users import build_plain_users

DAY_SECONDS = 86_400
TODAY = date(2026, 3, 10)
AS_OF = ((TODAY - date(1970, 1, 1)).days + 1) * DAY_SECONDS
ITEMS, USERS = 24, 8
MakeShop = Callable[..., ScoringData]


def made_shop(events: list[tuple[int, int, str]] = (), **changes: Any) -> ScoringData:  # type: ignore[assignment]
    """Make a shop of 24 phones of 4 brands, priced 100, 150, ..., and 8 users of 3 countries with some events.

    Args:
        events: User, phone and event type; a second after each other on the day before.
        changes: Other values for fields of the shop, its catalogue or its users.
    """
    items = np.arange(ITEMS)
    events = sorted(events, key=lambda event: event[0])
    kinds = np.array([EVENT_TYPES.index(kind) for _, _, kind in events], np.int8)
    weights = {"view": 1.0, "cart": 2.0, "purchase": 5.0, "rating": 1.0}
    catalogue = Catalogue(
        item_ids=np.array([f"i{n:02}" for n in items]),
        modalities={"text": Modality(np.eye(ITEMS, dtype=np.float32), np.ones(ITEMS, bool))},
        price=(100 + 50 * items).astype(np.float32),
        brand=np.array(["Aurora", "Boreal", "Cirrus", "Dune"])[items % 4],
        released_at=np.full(ITEMS, AS_OF - 100 * DAY_SECONDS, np.int64),
        is_sellable=np.ones(ITEMS, bool),
        statistics=np.zeros((ITEMS, 0), np.float32),
    )
    users = build_plain_users(
        [f"u{n}" for n in range(USERS)],
        np.array(["DE", "CN", "US"])[np.arange(USERS) % 3],
        np.array(["en-GB", "zh-CN"])[np.arange(USERS) % 2],
    )
    none = np.zeros(0, np.int64)
    data = Dataset(
        catalogue=replace(catalogue, **{k: v for k, v in changes.items() if hasattr(catalogue, k)}),
        users=replace(users, **{k: v for k, v in changes.items() if hasattr(users, k)}),
        interactions=Interactions(
            user=np.array([user for user, _, _ in events], np.int64),
            item=np.array([item for _, item, _ in events], np.int64),
            event_type=kinds,
            weight=np.array([weights.get(kind, 0.0) for _, _, kind in events], np.float32),
            at=AS_OF - DAY_SECONDS + np.arange(len(events)),
        ),
        queries=changes.get("queries", Queries(none, none, {}, none.astype(str), none.astype(str))),
        as_of=AS_OF,
    )
    shop = ScoringData(
        data=data,
        day=TODAY,
        title=np.array([f"Phone {n}" for n in items]),
        model_line=np.full(ITEMS, "", dtype="U10"),
        variant_group=np.full(ITEMS, "", dtype="U10"),
        generation=np.full(ITEMS, np.nan),
        numeric_specs={name: np.full(ITEMS, np.nan) for name in COMPARED_NUMBERS},
        categorical_specs={name: np.full(ITEMS, "", dtype="U10") for name in COMPARED_CATEGORIES},
        tags=(frozenset(),) * ITEMS,
    )
    return replace(shop, **{k: v for k, v in changes.items() if k in ScoringData.__dataclass_fields__})


@pytest.fixture
def make_shop() -> MakeShop:
    """Return a function that makes shops."""
    return made_shop

"""A small simulated shop for tests of models: tastes, content that reflects them, two brands, launches and queries."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.dataset import EVENT_TYPES, Catalogue, Dataset, Interactions, Modality, Queries
from tests.models.plain_users import build_plain_users

DAY = 86_400
DAYS = 40


def shop(users: int = 160, items: int = 60, events: int = 24, seed: int = 0) -> Dataset:
    """Simulate 40 days in which users' tastes and items' contents are vectors whose product decides what is viewed.

    The last tenth of the items are released in the last 12 days; the last tenth of the users have no event before
    the last 7 days, and half of those have a query.
    """
    random = np.random.default_rng(seed)
    taste = random.standard_normal((users, 6)).astype(np.float32)
    content = random.standard_normal((items, 6)).astype(np.float32)
    appeal = random.standard_normal(items) * 0.6
    released = (
        np.where(np.arange(items) < items * 9 // 10, -100, DAYS - 12) * DAY + np.arange(items) % 5 * DAY
    )
    user, item, at, kind = [], [], [], []
    for u in range(users):
        is_late = u >= users * 9 // 10
        moments = np.sort(random.integers((DAYS - 7 if is_late else 0) * DAY, DAYS * DAY, events))
        for moment in moments:
            utility = np.where(released <= moment, 1.3 * (content @ taste[u]) + appeal, -np.inf)
            chances = np.exp(utility - utility.max())
            user.append(u)
            item.append(int(random.choice(items, p=chances / chances.sum())))
            at.append(int(moment))
            kind.append("purchase" if random.random() < 0.05 else "view")
    askers = np.arange(users * 9 // 10, users, 2)
    asked = content_of(taste[askers])
    codes = np.array([EVENT_TYPES.index(name) for name in kind], np.int8)
    ids = np.array([f"i{n:04d}" for n in range(items)])
    present = np.ones(items, bool)
    return Dataset(
        catalogue=Catalogue(
            item_ids=ids,
            modalities={
                "text": Modality(content_of(content), present),
                "specs": Modality(content[:, :3].copy(), present),
            },
            price=(200 + 100 * np.abs(content[:, 0])).astype(np.float32),
            brand=np.where(content[:, 1] > 0, "Aurora", "Boreal"),
            released_at=released.astype(np.int64),
            is_sellable=np.ones(items, bool),
            statistics=np.zeros((items, 0), np.float32),
        ),
        users=build_plain_users(
            [f"u{n:04d}" for n in range(users)],
            np.where(np.arange(users) % 3, "DE", "CN"),
            np.full(users, "en"),
        ),
        interactions=Interactions(
            np.array(user, np.int64),
            np.array(item, np.int64),
            codes,
            np.where(np.array(kind) == "purchase", 5, 1).astype(np.float32),
            np.array(at, np.int64),
        ),
        queries=Queries(
            askers.astype(np.int64),
            np.full(len(askers), (DAYS - 8) * DAY, np.int64),
            {"text": Modality(asked, np.ones(len(askers), bool))},
            np.array([f"q{n:04d}" for n in range(len(askers))]),
            np.full(len(askers), "a phone like that"),
        ),
        as_of=DAYS * DAY,
    )


def content_of(taste: np.ndarray) -> np.ndarray:
    """Return text vectors: the taste or content, mapped to more dimensions by a fixed matrix."""
    turn = np.random.default_rng(99).standard_normal((taste.shape[1], 16)).astype(np.float32)
    return taste @ turn


def renamed(data: Dataset, prefix: str) -> Dataset:
    """Return the same shop with other user ids, in the same order."""
    ids = np.array([prefix + name for name in data.users.user_ids])
    return replace(data, users=replace(data.users, user_ids=ids))

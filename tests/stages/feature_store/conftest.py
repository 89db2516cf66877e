"""Fixtures: marts and embeddings of a small shop, with the schemas that dbt and the encoders write."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from handpick.night import Night
from handpick.settings.load import Settings, load

FIRST = date(2026, 3, 1)
SECOND = date(2026, 3, 2)
UTC_US = pa.timestamp("us", "UTC")
Nights = tuple[Night, Night]
WINDOWS = {"7d": 7, "30d": 30, "all": 10_000}
ITEM_EVENTS = ("impression", "view", "cart", "purchase", "return")
USER_EVENTS = ("view", "cart", "purchase", "query")


def midnight(day: date) -> datetime:
    """Midnight at the start of a day, UTC."""
    return datetime.combine(day, datetime.min.time(), UTC)


def read_training(night: Night) -> list[dict[str, object]]:
    """All training rows by the end of the night."""
    return night.lake.read_through("features/training", night.logical_date).to_pylist()


class Shop:
    """The events of a small shop, and its expected marts of any night, in plain Python."""

    def __init__(
        self, users: int = 30, items: int = 12, days: int = 45, last: date = SECOND, events: int = 8
    ) -> None:
        rng = np.random.default_rng(7)
        self.users = [f"u{number:04d}" for number in range(users)]
        self.items = [f"i{number:03d}" for number in range(items)]
        self.price = {item: float(100 + 10 * number) for number, item in enumerate(self.items)}
        self.brand = {item: f"b{number % 3}" for number, item in enumerate(self.items)}
        self.events: list[tuple[str, str, str, datetime]] = []
        # The last user never does anything; the others do something on random days, user 0 on the second
        # night.
        for number, user in enumerate(self.users[:-1]):
            for _ in range(events):
                day = last - timedelta(days=int(rng.integers(1, days)))
                kind = USER_EVENTS[int(rng.choice(4, p=[0.6, 0.15, 0.1, 0.15]))]
                at = midnight(day) + timedelta(seconds=int(rng.integers(0, 86_400)))
                self.events.append((user, self.items[int(rng.integers(items))], kind, at))
            if number == 0:
                self.events.append((user, self.items[0], "view", midnight(last) + timedelta(hours=9)))
        self.events.sort(key=lambda event: event[3])

    def activity(self, user: str, end: datetime) -> dict[str, object]:
        """The user's features as known at midnight `end`."""
        past = [event for event in self.events if event[0] == user and event[3] < end]
        row: dict[str, object] = {}
        for kind in USER_EVENTS:
            for window, days in WINDOWS.items():
                since = end - timedelta(days=days)
                row[f"{kind}_count_{window}"] = sum(event[2] == kind and event[3] >= since for event in past)
        recent = [event for event in past if event[3] >= end - timedelta(days=30)]
        viewed = [self.price[event[1]] for event in recent if event[2] == "view"]
        row["mean_viewed_price_30d"] = sum(viewed) / len(viewed) if viewed else None
        row["distinct_brand_count_30d"] = len(
            {self.brand[event[1]] for event in recent if event[2] != "query"}
        )
        row["days_since_last_event"] = (end - midnight(past[-1][3].date())).days - 1 if past else None
        row["owned_price"] = 150.0 if user == self.users[0] else None
        return row

    def write(self, night: Night) -> None:
        """All tables that the feature store stage reads, for one night."""
        lake, day, end = night.lake, night.logical_date, night.as_of
        first = not lake.list_dates("marts/mart_user_activity", day - timedelta(days=1))
        fresh = [event for event in self.events if event[3] < end and (first or event[3] >= midnight(day))]
        activity = [{"user_id": user, **self.activity(user, end), "as_of_date": day} for user in self.users]
        lake.write("marts/mart_user_activity", day, pa.Table.from_pylist(activity, ACTIVITY))
        active = sorted({(event[0], event[3].date()) for event in fresh})
        history = [
            {
                "user_id": user,
                "event_timestamp": midnight(d) + timedelta(days=1),
                **self.activity(user, midnight(d) + timedelta(days=1)),
                "as_of_date": d,
            }
            for user, d in active
        ]
        lake.write("marts/mart_user_activity_history", day, pa.Table.from_pylist(history, HISTORY))
        lake.write(
            "marts/mart_item_statistics",
            day,
            pa.Table.from_pylist([self._item(item, end) for item in self.items], STATISTICS),
        )
        facts = [
            {"event_id": f"e{self.events.index(event):05d}", "user_id": event[0], "item_id": event[1], "event_type": event[2],
             "occurred_at": event[3], "weight": {"view": 1.0, "cart": 3.0, "purchase": 5.0}[event[2]]}
            for event in fresh if event[2] != "query"
        ]  # fmt: skip
        facts += [
            {
                "event_id": f"x{day}",
                "user_id": self.users[0],
                "item_id": self.items[1],
                "event_type": "impression",
                "occurred_at": midnight(day),
                "weight": 0.0,
            }
        ]
        lake.write("marts/fct_interactions", day, pa.Table.from_pylist(facts, FACTS))
        queries = [event for event in fresh if event[2] == "query"]
        lake.write("marts/fct_queries", day, pa.Table.from_pylist(
            [{"query_id": f"q{self.events.index(event):05d}", "user_id": event[0], "occurred_at": event[3]} for event in queries], QUERIES))  # fmt: skip
        asked = [event for event in self.events if event[2] == "query" and event[3] < end]
        vectors = [
            {
                "query_id": f"q{(n := self.events.index(event)):05d}",
                "text": _vector(n),
                "image": _vector(n) if n % 3 == 0 else None,
                "audio": None,
            }
            for event in asked
        ]
        lake.write("embeddings/queries", day, pa.Table.from_pylist(vectors, QUERY_VECTORS))
        self._write_items(night, first)

    def _item(self, item: str, end: datetime) -> dict[str, object]:
        past = [event for event in self.events if event[1] == item and event[3] < end]
        row: dict[str, object] = {"item_id": item, "as_of_date": end.date() - timedelta(days=1)}
        for kind in ITEM_EVENTS:
            for window, days in WINDOWS.items():
                since = end - timedelta(days=days)
                row[f"{kind}_count_{window}"] = sum(event[2] == kind and event[3] >= since for event in past)
        return {
            **row,
            "rating_mean": None,
            "view_rate_30d": 0.5,
            "price_change_30d": 0.0,
            "days_on_sale": (end - midnight(date(2026, 1, 1))).days,
        }

    def _write_items(self, night: Night, first: bool) -> None:
        lake, day = night.lake, night.logical_date
        changed = self.items if first else self.items[:1]
        price = {**self.price, **({} if first else {self.items[0]: 77.0})}
        rows = [
            {
                "item_id": item,
                "price": price[item],
                "is_in_stock": True,
                "release_date": None,
                "first_seen_date": date(2026, 1, 1),
            }
            for item in self.items
        ]
        lake.write("marts/dim_item", day, pa.Table.from_pylist(rows, ITEMS))
        opened = midnight(date(2026, 1, 1)) if first else midnight(day) + timedelta(hours=12)
        offers = [
            {"item_id": item, "price": price[item], "is_in_stock": True, "valid_from": opened}
            for item in changed
        ]
        lake.write("clean/item_price_history", day, pa.Table.from_pylist(offers, OFFERS))
        content = [
            {
                "item_id": item,
                "content_hash": "new" if item == self.items[2] and not first else "old",
                "text": _vector(number),
                "image": _vector(number) if number % 2 else None,
            }
            for number, item in enumerate(self.items)
        ]
        lake.write("embeddings/items", day, pa.Table.from_pylist(content, CONTENT))


def _vector(seed: int) -> list[float]:
    return [float(value) for value in np.random.default_rng(seed).normal(size=4).astype(np.float32)]


def _counts(events: tuple[str, ...]) -> list[tuple[str, pa.DataType]]:
    return [(f"{event}_count_{window}", pa.int64()) for event in events for window in WINDOWS]


_ACTIVITY = [
    *_counts(USER_EVENTS), ("mean_viewed_price_30d", pa.float64()), ("distinct_brand_count_30d", pa.int64()),
    ("days_since_last_event", pa.int64()), ("owned_price", pa.float64()), ("as_of_date", pa.date32()),
]  # fmt: skip
ACTIVITY = pa.schema([("user_id", pa.string()), *_ACTIVITY])
HISTORY = pa.schema([("user_id", pa.string()), ("event_timestamp", UTC_US), *_ACTIVITY])
STATISTICS = pa.schema(
    [("item_id", pa.string()), *_counts(ITEM_EVENTS), ("rating_mean", pa.float64()), ("view_rate_30d", pa.float64()),
     ("price_change_30d", pa.float64()), ("days_on_sale", pa.int64()), ("as_of_date", pa.date32())]
)  # fmt: skip
FACTS = pa.schema(
    [("event_id", pa.string()), ("user_id", pa.string()), ("item_id", pa.string()), ("event_type", pa.string()),
     ("occurred_at", UTC_US), ("weight", pa.float64())]
)  # fmt: skip
QUERIES = pa.schema([("query_id", pa.string()), ("user_id", pa.string()), ("occurred_at", UTC_US)])
VECTOR = pa.list_(pa.float32())
QUERY_VECTORS = pa.schema([("query_id", pa.string()), ("text", VECTOR), ("image", VECTOR), ("audio", VECTOR)])
CONTENT = pa.schema(
    [("item_id", pa.string()), ("content_hash", pa.string()), ("text", VECTOR), ("image", VECTOR)]
)
ITEMS = pa.schema(
    [("item_id", pa.string()), ("price", pa.float64()), ("is_in_stock", pa.bool_()), ("release_date", pa.date32()),
     ("first_seen_date", pa.date32())]
)  # fmt: skip
OFFERS = pa.schema(
    [("item_id", pa.string()), ("price", pa.float64()), ("is_in_stock", pa.bool_()), ("valid_from", UTC_US)]
)


def settings_in(folder: Path, **features: object) -> Settings:
    """Default settings with everything below a folder."""
    return load(home=folder, features=features)


@pytest.fixture(scope="session")
def shop() -> Shop:
    """The shop of all tests."""
    return Shop()


@pytest.fixture(scope="session")
def two_nights(tmp_path_factory: pytest.TempPathFactory, shop: Shop) -> tuple[Night, Night]:
    """Two nights whose feature store stage has run, one after the other."""
    from handpick.night import Night
    from handpick.stages.feature_store import run

    settings = settings_in(tmp_path_factory.mktemp("features"))
    nights = Night(settings, FIRST), Night(settings, SECOND)
    for night in nights:
        shop.write(night)
        run(night)
    return nights

"""Fixtures: clean tables of a small shop over two nights, and the marts expected of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from handpick.contracts import CONTRACTS
from handpick.ledger.flows import Flow, StageResult
from handpick.night import Night
from handpick.settings.load import Settings, load
from handpick.stages.transform.daily_counts import EVENT_TYPES

FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 2)
BEGINNING = date(2026, 1, 10)
KINDS = ("impression", "view", "cart", "purchase", "return", "rating")
WINDOWS = {"7d": 7, "30d": 30, "all": 10_000}
WEIGHTS = {"impression": 0.0, "view": 1.0, "cart": 3.0, "purchase": 5.0, "return": -4.0, "rating": 2.0}


def midnight(day: date) -> datetime:
    """Midnight at the start of a day, UTC."""
    return datetime.combine(day, datetime.min.time(), UTC)


@dataclass(frozen=True)
class Event:
    """An event; a `query` has no item."""

    number: int
    user: str
    item: str
    kind: str
    at: datetime
    night: date
    value: float | None
    is_bot: bool = False

    @property
    def day(self) -> date:
        """The UTC day of the event."""
        return self.at.date()


class Shop:
    """Events until the second night: most landed on the first, some late on the second."""

    def __init__(self, users: int = 40, items: int = 15, events: int = 12) -> None:
        rng = np.random.default_rng(3)
        self.users = [f"u{number:03d}" for number in range(users)]
        self.items = [f"i{number:03d}" for number in range(items)]
        self.owner = {user: self.items[n % items] if n % 3 else None for n, user in enumerate(self.users)}
        self.events: list[Event] = []
        span = (SECOND - BEGINNING).days + 1
        # The last user does nothing, the one before only asks, the one before that is a bot.
        for number, user in enumerate(self.users[:-1]):
            for _ in range(events):
                day = BEGINNING + timedelta(days=int(rng.integers(span)))
                kind = str(rng.choice([*KINDS, "query"], p=[0.3, 0.3, 0.1, 0.08, 0.04, 0.05, 0.13]))
                kind = "query" if number == users - 2 else kind
                late = rng.random() < 0.03 and day <= FIRST
                night = SECOND if late or day > FIRST else FIRST
                at = midnight(day) + timedelta(seconds=int(rng.integers(86_400)), microseconds=137)
                value = {"rating": float(rng.integers(1, 6)), "impression": float(rng.integers(1, 9))}.get(
                    kind
                )
                item = "" if kind == "query" else self.items[int(rng.integers(items - 1))]
                self.events.append(
                    Event(
                        len(self.events),
                        user,
                        item,
                        kind,
                        at,
                        night,
                        value,
                        number == users - 3 and kind != "query",
                    )
                )

    def price(self, item: str, end: datetime) -> float:
        """A phone's price at a time: the first phone became cheaper on the second night."""
        fell = item == self.items[0] and end > midnight(SECOND) + timedelta(hours=6)
        return 77.5 if fell else 100.25 + 10 * self.items.index(item)

    def brand(self, item: str) -> str:
        """A phone's brand."""
        return f"brand{self.items.index(item) % 4}"

    def known(self, night: date) -> list[Event]:
        """Events landed by the end of a night, without bots."""
        return [event for event in self.events if event.night <= night and not event.is_bot]

    def activity(self, user: str, day: date, night: date) -> dict[str, Any]:
        """A user's activity as of the end of a day, as a night knows it."""
        past = [event for event in self.known(night) if event.user == user and event.day <= day]
        row: dict[str, Any] = {}
        for kind in ("view", "cart", "purchase", "query"):
            for window, days in WINDOWS.items():
                since = day - timedelta(days=days - 1)
                row[f"{kind}_count_{window}"] = sum(e.kind == kind and e.day >= since for e in past)
        recent = [event for event in past if event.day > day - timedelta(days=30)]
        # Each night's views count with that night's prices.
        viewed = [
            self.price(e.item, midnight(e.night + timedelta(days=1))) for e in recent if e.kind == "view"
        ]
        row["mean_viewed_price_30d"] = sum(viewed) / len(viewed) if viewed else None
        looked = [self.brand(e.item) for e in recent if e.kind in ("view", "cart", "purchase")]
        row["distinct_brand_count_30d"] = len(set(looked))
        active = [event.day for event in past if event.kind != "impression"]
        row["days_since_last_event"] = (day - max(active)).days if active else None
        owned = self.owner[user]
        row["owned_price"] = self.price(owned, midnight(day + timedelta(days=1))) if owned else None
        return row

    def write(self, night: Night) -> None:
        """All clean tables of one night, its valid rows, and the ledger of the stages before."""
        fresh = [event for event in self.events if event.night == night.logical_date]
        for name, rows in self._clean(night, fresh).items():
            night.lake.write(f"clean/{name}", night.logical_date, pa.Table.from_pylist(rows, _schema(name)))
        self._write_valid(night, fresh)
        queries, items = sum(event.kind == "query" for event in fresh), len(self.items)
        flows = (Flow("queries", queries + 2, queries, {"too old": 2}), Flow("items", items, items))
        result = StageResult("transform", night.logical_date, "", flows, "")
        file = night.result_file("transform")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(result.to_json())

    def _clean(self, night: Night, fresh: list[Event]) -> dict[str, list[dict[str, Any]]]:
        people = [event for event in fresh if event.kind != "query" and not event.is_bot]
        by_item = Counter((event.item, event.day, event.kind) for event in people)
        by_user = Counter((event.user, event.day, event.kind) for event in people)
        return {
            "items": [self._item(item, night) for item in self.items],
            "users": [self._user(user) for user in self.users],
            "interactions": [_interaction(event) for event in fresh if event.kind != "query"],
            "queries": [
                {"query_id": f"q{e.number:04d}", "user_id": e.user, "text": "a phone", "occurred_at": e.at}
                for e in fresh
                if e.kind == "query"
            ],
            "item_daily": [
                {
                    "item_id": item,
                    "event_date": day,
                    **{f"{kind}_count": by_item[item, day, kind] for kind in EVENT_TYPES},
                    "rating_sum": sum(
                        e.value or 0 for e in people if (e.item, e.day, e.kind) == (item, day, "rating")
                    ),
                }
                for item, day in sorted({(item, day) for item, day, _ in by_item})
            ],
            "user_daily": [
                self._user_day(user, day, by_user, people, night)
                for user, day in sorted({(user, day) for user, day, _ in by_user})
            ],
            "item_pairs": [
                {
                    "item_id": self.items[one],
                    "other_item_id": self.items[1 - one],
                    "co_view_count": 3,
                    "co_purchase_count": 1,
                }
                for one in (0, 1)
            ],
            "item_price_history": self._offers(night),
            "position_counts": [{"position": 1, "impression_count": 5, "click_count": 2}],
            "carried": [],
        }

    def _user_day(
        self, user: str, day: date, counts: Counter[tuple[str, date, str]], people: list[Event], night: Night
    ) -> dict[str, Any]:
        viewed = [
            self.price(e.item, night.as_of) for e in people if (e.user, e.day, e.kind) == (user, day, "view")
        ]
        return {
            "user_id": user,
            "event_date": day,
            **{f"{kind}_count": counts[user, day, kind] for kind in EVENT_TYPES},
            "rating_sum": 0.0,
            "viewed_price_sum": sum(viewed),
            "viewed_price_count": len(viewed),
            "session_count": 1,
        }

    def _item(self, item: str, night: Night) -> dict[str, Any]:
        number = self.items.index(item)
        return {
            "item_id": item,
            "title": f"Phone {number}",
            "brand": self.brand(item).title(),
            "brand_key": self.brand(item),
            "price": self.price(item, night.as_of),
            "currency_stated": "EUR",
            "release_date": None if number % 2 else BEGINNING + timedelta(days=number),
            "first_seen_date": FIRST,
            "is_in_stock": True,
            "battery_mah": 4000.0 + number,
            "color_tags": ["black", "red"] if number % 2 else None,
            "spec_tags": [],
            "updated_at": midnight(FIRST),
            "content_hash": f"hash{number}",
        }

    def _user(self, user: str) -> dict[str, Any]:
        return {
            "user_id": user,
            "signed_up_at": midnight(BEGINNING),
            "country": "DE",
            "locale": "de",
            "owned_item_id": self.owner[user],
            "is_consented": True,
            "first_seen_date": FIRST,
        }

    def _offers(self, night: Night) -> list[dict[str, Any]]:
        if night.logical_date == FIRST:
            opened = midnight(BEGINNING)
            return [
                {"item_id": i, "price": self.price(i, opened), "is_in_stock": True, "valid_from": opened}
                for i in self.items
            ]
        fell = midnight(SECOND) + timedelta(hours=6)
        return [{"item_id": self.items[0], "price": 77.5, "is_in_stock": True, "valid_from": fell}]

    def _write_valid(self, night: Night, fresh: list[Event]) -> None:
        rows: dict[str, list[dict[str, Any]]] = {
            "catalog": [
                {
                    "item_id": i,
                    "title": i,
                    "price": 100.0,
                    "currency": "EUR",
                    "in_stock": True,
                    "updated_at": midnight(FIRST),
                }
                for i in self.items
            ],
            "users": [
                {"user_id": user, "signed_up_at": midnight(BEGINNING), "consent": True} for user in self.users
            ],
            "events": [
                {**_interaction(e), "value": e.value, "list_version": None}
                for e in fresh
                if e.kind != "query"
            ],
            "queries": [
                {"query_id": f"q{e.number:04d}", "user_id": e.user, "text": "a phone", "occurred_at": e.at}
                for e in fresh
                if e.kind == "query"
            ],
        }
        for source, contract in CONTRACTS.items():
            schema = contract.arrow_schema()
            known = [{name: row.get(name) for name in schema.names} for row in rows[source]]
            relaxed = pa.schema([field.with_nullable(True) for field in schema])
            night.lake.write(f"valid/{source}", night.logical_date, pa.Table.from_pylist(known, relaxed))


def _interaction(event: Event) -> dict[str, Any]:
    return {
        "event_id": f"e{event.number:04d}",
        "user_id": event.user,
        "item_id": event.item,
        "event_type": event.kind,
        "value": event.value,
        "occurred_at": event.at,
        "session_id": f"{event.user}-{event.day}",
        "position": int(event.value or 1) if event.kind == "impression" else None,
        "weight": WEIGHTS[event.kind],
        "is_bot": event.is_bot,
    }


def _schema(name: str) -> pa.Schema:
    """The schema that transform gives a clean table."""
    from handpick.stages.transform import (
        catalog,
        daily_counts,
        interactions,
        item_pairs,
        prices,
        queries,
        users,
    )

    schemas = {
        "items": catalog.ITEM_SCHEMA,
        "users": users.USER_SCHEMA,
        "interactions": interactions.INTERACTION_SCHEMA,
        "queries": queries.QUERY_SCHEMA,
        "item_daily": daily_counts.ITEM_DAILY_SCHEMA,
        "user_daily": daily_counts.USER_DAILY_SCHEMA,
        "item_pairs": item_pairs.PAIR_SCHEMA,
        "item_price_history": prices.PRICE_HISTORY_SCHEMA,
        "position_counts": interactions.POSITION_COUNT_SCHEMA,
        "carried": interactions.CARRIED_SCHEMA,
    }
    return schemas[name]


def settings_in(folder: Path, **warehouse: object) -> Settings:
    """Default settings with everything below a folder."""
    return load(home=folder, warehouse=warehouse)


@pytest.fixture(scope="session")
def shop() -> Shop:
    """The shop of all tests."""
    return Shop()


@pytest.fixture(scope="session")
def two_nights(tmp_path_factory: pytest.TempPathFactory, shop: Shop) -> tuple[Night, Night]:
    """Two nights whose warehouse stage has run on DuckDB, one after the other."""
    from handpick.pipeline.runner import run_stage

    settings = settings_in(tmp_path_factory.mktemp("model"))
    nights = Night(settings, FIRST), Night(settings, SECOND)
    for night in nights:
        shop.write(night)
        run_stage("warehouse", night)
    return nights

"""Nights over small landing folders."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from handpick.night import Night
from handpick.settings.load import Settings

DAY = date(2026, 1, 10)
Rows = list[dict[str, Any]]


def item(number: int, **other: Any) -> dict[str, Any]:
    return {
        "item_id": f"p{number}",
        "title": f"Phone {number}",
        "specs": {"battery": "4000 mAh"},
        "price": 199.5,
        "currency": "EUR",
        "release_date": "2025-05-01",
        "in_stock": True,
        "image_path": None,
        "updated_at": "2026-01-10T01:00:00Z",
        **other,
    }


def user(number: int, **other: Any) -> dict[str, Any]:
    return {
        "user_id": f"u{number}",
        "signed_up_at": "2025-01-01T00:00:00Z",
        "country": "DE",
        "consent": "yes",
        **other,
    }


def event(number: int, **other: Any) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "user_id": f"u{number % 3}",
        "item_id": f"p{number % 3}",
        "event_type": "View",
        "value": None,
        "occurred_at": f"2026-01-10T{number % 24:02d}:00:00Z",
        **other,
    }


def query(number: int, **other: Any) -> dict[str, Any]:
    return {
        "query_id": f"q{number}",
        "user_id": "u1",
        "text": "big screen",
        "occurred_at": "2026-01-10T09:00:00Z",
        **other,
    }


def shop() -> dict[str, Rows]:
    """A day of rows that all keep their contracts."""
    return {
        "catalog": [item(number) for number in range(3)],
        "users": [user(number) for number in range(3)],
        "events": [event(number) for number in range(30)],
        "queries": [query(number) for number in range(3)],
    }


def bring(folder: Path, rows: dict[str, Rows], day: date = DAY) -> None:
    """Put rows into the landing folder as JSON lines."""
    for source, lines in rows.items():
        file = folder / "landing" / source / f"{day}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def night(tmp_path: Path) -> Callable[..., Night]:
    """Make a night over the test's own folder."""

    def make(day: date = DAY, **sections: Any) -> Night:
        lake = {"root": "lake", "landing": "landing", "media": "landing/media"}
        return Night(Settings(home=tmp_path, lake=lake, **sections), day)

    return make

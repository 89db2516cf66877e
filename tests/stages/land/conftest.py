"""Nights and landing folders in a temporary folder of each test."""

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

GOOD = {
    "catalog": '{"item_id": "p1", "title": "Phone", "in_stock": true, "updated_at": "2026-01-10T01:00:00Z"}\n',
    "users": "user_id,signed_up_at,consent\nu1,2025-01-01T00:00:00Z,true\n",
    "events": "event_id,user_id,item_id,event_type,occurred_at\ne1,u1,p1,view,2026-01-10T02:00:00Z\n",
    "queries": json.dumps(
        {"query_id": "q1", "user_id": "u1", "text": "hi", "occurred_at": "2026-01-10T02:00:00Z"}
    )
    + "\n",
}


@pytest.fixture
def night(tmp_path: Path) -> Callable[..., Night]:
    """Make a night over the test's own folder."""

    def make(day: date = DAY, **sections: Any) -> Night:
        lake = {"root": "lake", "landing": "landing", "media": "landing/media"}
        return Night(Settings(home=tmp_path, lake=lake, **sections), day)

    return make


@pytest.fixture
def bring(tmp_path: Path) -> Callable[..., Path]:
    """Put a good file per source into the landing folder, except where the test gives its own."""

    def put(source: str = "", content: bytes | str = "", name: str = f"{DAY}.csv") -> Path:
        for other, text in GOOD.items():
            folder = tmp_path / "landing" / other
            if not folder.exists():
                folder.mkdir(parents=True)
                if other != source:
                    (folder / f"{DAY}{'.csv' if other in ('users', 'events') else '.jsonl'}").write_text(text)
        file = tmp_path / "landing" / source / name
        if source:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        return file

    return put

"""A shop of twelve items: marts as dbt writes them, real pictures and recordings, small encoders."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from PIL import Image

from handpick.dataset.item_text import CATEGORICAL_FIELDS, NUMERIC_FIELDS
from handpick.night import Night
from handpick.settings.load import Settings

FIRST, SECOND = date(2026, 3, 1), date(2026, 3, 2)
COLOURS = {"red": (200, 30, 30), "blue": (30, 30, 200), "绿色": (30, 180, 30)}
SMALL: dict[str, Any] = {
    "embed": {"text": ("shop-bert",), "device": "cpu"},
    "pretraining": {
        "text": {"vocabulary": 120, "dim": 16, "layers": 1, "heads": 2, "max_tokens": 24, "steps": 4,
                 "batch": 8},
        "image": {"dim": 8, "width": 4, "axes": 4, "steps": 2, "batch": 4},
        "audio": {"hidden": 8, "phrases": 6, "speakers": 1, "steps": 2, "batch": 4},
        "rows": {"hidden": 8, "dim": 4, "steps": 4, "batch": 8},
    },
}  # fmt: skip


class Shop:
    """Writes the marts of a night; tests change attributes between nights."""

    def __init__(self, home: Path, **sections: Any) -> None:
        self.settings = Settings(home=home, **{**SMALL, **sections})
        self.media = self.settings.path(self.settings.lake.media)
        self.descriptions = [
            f"{colour} phone {number}. Large battery" for number, colour in enumerate([*COLOURS] * 4)
        ]
        self._media()

    def night(self, logical_date: date = FIRST) -> Night:
        """Write the marts of a night, and return it."""
        night = Night(self.settings, logical_date)
        night.lake.write("marts/dim_item", logical_date, self._items())
        night.lake.write("marts/fct_queries", logical_date, self._queries(logical_date))
        night.lake.write("marts/fct_interactions", logical_date, self._events(logical_date))
        return night

    def _media(self) -> None:
        self.media.mkdir(parents=True, exist_ok=True)
        for number, colour in enumerate([*COLOURS.values()] * 4):
            Image.new("RGB", (260, 300), tuple(part + number for part in colour)).save(
                self.media / f"{number}.png"
            )
        time = np.arange(8000) / 8000
        for number in range(3):
            out = io.BytesIO()
            soundfile.write(out, 0.3 * np.sin(2 * np.pi * 300 * (number + 1) * time), 8000, format="WAV")
            (self.media / f"{number}.wav").write_bytes(out.getvalue())

    def _items(self) -> pa.Table:
        count = len(self.descriptions)
        columns: dict[str, Any] = {
            "item_id": [f"i{number:02d}" for number in range(count)],
            "content_hash": [str(hash) for hash in range(count)],
            "title": [f"Acme {number}" for number in range(count)],
            "description": self.descriptions,
            "image_path": [None if number == count - 1 else f"{number}.png" for number in range(count)],
        }
        for name in CATEGORICAL_FIELDS:
            columns[name] = ["a", "b"] * (count // 2)
        for name in NUMERIC_FIELDS:
            columns[name] = [None, *range(1, count)]
        for name in ("color_tags", "spec_tags"):
            columns[name] = pa.array([["red"], []] * (count // 2), pa.list_(pa.string()))
        return pa.table(columns)

    def _queries(self, logical_date: date) -> pa.Table:
        start = datetime.combine(logical_date, datetime.min.time(), UTC)
        texts = ["red phone, large battery", "blue phone", "绿色，电池大", None, None, None]
        return pa.table(
            {
                "query_id": [f"q{logical_date}-{number}" for number in range(6)],
                "user_id": [f"u{number}" for number in range(6)],
                "text": pa.array(texts, pa.string()),
                "image_path": pa.array([None, None, None, "0.png", None, None], pa.string()),
                "audio_path": pa.array([None, None, None, None, "1.wav", "missing.wav"], pa.string()),
                "occurred_at": pa.array([start + timedelta(hours=9)] * 6, pa.timestamp("us", "UTC")),
            }
        )

    def _events(self, logical_date: date) -> pa.Table:
        """Each user viewed two phones a month ago, and others an hour after the query."""
        noon = datetime.combine(logical_date, datetime.min.time(), UTC) + timedelta(hours=10)
        rows = [
            {"user_id": f"u{user}", "item_id": f"i{(2 * user + step) % 12:02d}", "event_type": "view",
             "occurred_at": noon - timedelta(days=30 if step < 2 else 0)}
            for user in range(6) for step in range(4)
        ]  # fmt: skip
        schema = pa.schema(
            [("user_id", pa.string()), ("item_id", pa.string()), ("event_type", pa.string()),
             ("occurred_at", pa.timestamp("us", "UTC"))]
        )  # fmt: skip
        return pa.Table.from_pylist(rows, schema)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)

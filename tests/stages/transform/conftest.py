"""Fixtures: valid rows of a small shop over two nights, and data frames of the embedded engine.

The transforms are tested on DuckDB; `test_engines.py` shows that Spark writes the same bytes.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import Row

from handpick.contracts.sources import CONTRACTS
from handpick.lake.partitions import Lake
from handpick.night import Night
from handpick.runtime.dataframes import DataFrame, Engine, start_engine
from handpick.settings.load import Settings, load

FIRST, SECOND = date(2026, 1, 10), date(2026, 1, 11)
ITEMS, USERS = 12, 15
BRANDS = ("Nuvo", "Kestrel", "Orbis")


def moment(day: date, hour: int = 12, minute: int = 0, second: int = 0) -> datetime:
    """A time of day, UTC."""
    return datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=UTC)


def write_valid(lake: Lake, source: str, day: date, rows: list[dict[str, Any]]) -> None:
    """One night's valid rows of a source, in the contract's types."""
    schema = CONTRACTS[source].arrow_schema()
    located = [
        {"_source_file": f"{source}-{day}.csv", "_source_line": n, **row} for n, row in enumerate(rows, 2)
    ]
    columns = [pa.array([row.get(field.name) for row in located], field.type) for field in schema]
    lake.write(f"valid/{source}", day, pa.table(columns, names=schema.names))


def phone(number: int, day: date, **changes: Any) -> dict[str, Any]:
    """A catalogue row."""
    brand = BRANDS[number % len(BRANDS)]
    sheet = {
        "size": f"{5 + number / 10:.1f} inches",
        "battery-type": f"Li-Po {3000 + 100 * number} mAh",
        "weight": f"{150 + number} g",
        "main-camera": f"Dual~.~{12 + number} MP, f/1.8 5 MP (depth)",
        "colors": "Starry Black, Wine red",
        "technology": "GSM / HSPA / LTE",
    }
    row = {
        "item_id": f"p{number:02d}",
        "title": f"{brand} Aria {number} Pro 128GB",
        "brand": brand,
        "description": "Quiet luxury.",
        "specs": json.dumps(sheet),
        "price": 200.0 + 10 * number,
        "currency": "EUR",
        "release_date": day - timedelta(days=100 - number),
        "in_stock": True,
        "updated_at": moment(day, 1),
    }
    return row | changes


def events_of(day: date, seed: int, days: int = 1) -> list[dict[str, Any]]:
    """Lists of four phones, with some clicks and purchases."""
    draw = random.Random(seed)
    rows: list[dict[str, Any]] = []
    who: dict[str, Any] = {}

    def add(kind: str, at: datetime, value: float | None) -> None:
        rows.append(
            {
                "event_id": f"e{day}-{len(rows):05d}",
                **who,
                "event_type": kind,
                "value": value,
                "occurred_at": at,
            }
        )

    for back in range(days):
        for user in range(USERS):
            if draw.random() < 0.4:
                continue
            at = moment(day - timedelta(days=back), draw.randrange(1, 22), draw.randrange(60))
            visit = f"s{user}-{back}-{day}" if user % 2 else None
            for place, item in enumerate(draw.sample(range(ITEMS), 4), 1):
                who = {"user_id": f"u{user:02d}", "item_id": f"p{item:02d}", "session_id": visit}
                at += timedelta(seconds=20)
                add("impression", at, place)
                if draw.random() < 0.6:
                    add("view", at + timedelta(seconds=5), None)
                if draw.random() < 0.2:
                    add("purchase", at + timedelta(seconds=9), 199.0)
                if draw.random() < 0.1:
                    add("rating", at + timedelta(seconds=15), draw.randint(1, 5))
    return rows


def write_shop(lake: Lake) -> None:
    """Two nights of valid rows: first ten days of history, then one day and a price change."""
    write_valid(lake, "catalog", FIRST, [phone(number, FIRST) for number in range(ITEMS)])
    write_valid(lake, "catalog", SECOND, [phone(3, SECOND, price=149.0), phone(12, SECOND)])
    people = [
        {
            "user_id": f"u{number:02d}",
            "signed_up_at": moment(FIRST - timedelta(days=30)),
            "country": "de",
            "locale": "en_GB",
            "owned_item_id": f"p{number % ITEMS:02d}" if number % 3 else None,
            "consent": True,
        }
        for number in range(USERS)
    ]
    write_valid(lake, "users", FIRST, people)
    write_valid(lake, "users", SECOND, [people[0] | {"country": "fr"}, people[1] | {"user_id": "u90"}])
    write_valid(lake, "events", FIRST, events_of(FIRST, 1, days=10))
    write_valid(lake, "events", SECOND, events_of(SECOND, 2))
    asked = {"user_id": "u90", "text": "  a small phone\u00a0", "occurred_at": moment(SECOND)}
    write_valid(
        lake, "queries", FIRST, [asked | {"query_id": "q1", "user_id": "u01", "occurred_at": moment(FIRST)}]
    )
    write_valid(lake, "queries", SECOND, [asked | {"query_id": "q2"}])


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings whose lake is a folder of the tests."""
    os.environ.setdefault("HANDPICK_CONFIG", str(Path(__file__).parents[3] / "handpick.toml"))
    return load(home=tmp_path_factory.mktemp("transform"))


TYPES = {
    "string": pa.string(), "int": pa.int32(), "double": pa.float64(),
    "timestamp": pa.timestamp("us", tz="UTC"), "map<string,string>": pa.map_(pa.string(), pa.string()),
}  # fmt: skip


class Frames:
    """Makes data frames of an engine from rows."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine, self.folder, self.made = engine, folder, 0

    def make(self, rows: list[Any], schema: str | pa.Schema) -> DataFrame:
        """Rows as a data frame; the schema in Spark's notation, or Arrow's."""
        if isinstance(schema, str):
            fields = [text.split() for text in schema.split(", ")]
            schema = pa.schema([(name, TYPES[kind]) for name, kind in fields])
        self.made += 1
        file = self.folder / f"{self.made}.parquet"
        columns = [pa.array([row[n] for row in rows], one.type) for n, one in enumerate(schema)]
        pq.write_table(pa.table(columns, schema=schema), file)
        return self.engine.read([file], schema)


def collect(frame: DataFrame, *order: str) -> list[Any]:
    """The rows of a data frame, sorted by some columns."""
    rows = [Row(**row) for row in frame.toArrow().to_pylist()]
    return sorted(rows, key=lambda row: [row[name] for name in order]) if order else rows


@pytest.fixture(scope="session")
def frames(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Frames]:
    """Data frames of the engine that the stage itself would use."""
    with start_engine(settings, rows=0) as engine:
        yield Frames(engine, tmp_path_factory.mktemp("frames"))


@pytest.fixture(scope="session")
def nights(settings: Settings) -> tuple[Night, Night]:
    """Two nights that were transformed one after the other."""
    from handpick.stages import transform

    first, second = Night(settings, FIRST), Night(settings, SECOND)
    write_shop(first.lake)
    transform.run(first)
    transform.run(second)
    return first, second

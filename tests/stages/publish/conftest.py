"""A real PostgreSQL server, and made-up nights whose lists can be published."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import numpy as np
import psycopg
import pyarrow as pa
import pytest

from handpick.lake.partitions import digest_partitions
from handpick.ledger.flows import StageResult
from handpick.night import Night
from handpick.serving.connection import connect
from handpick.serving.embedded import stop_embedded
from handpick.settings.load import Settings, load
from handpick.stages.gate.decision_record import Decision, write_decision
from handpick.stages.score.public import LIST_TABLES

DAY = date(2026, 3, 10)


@pytest.fixture(scope="session")
def server_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings whose embedded server lives as long as the tests do."""
    os.environ.setdefault("HANDPICK_CONFIG", str(Path(__file__).parents[3] / "handpick.toml"))
    settings = load(home=tmp_path_factory.mktemp("publish"))
    yield settings
    stop_embedded(settings)


@pytest.fixture
def settings(server_settings: Settings, request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    """Settings of the same server, with a schema and a lake of its own for each test."""
    name = "t_" + request.node.name[:50].lower().replace("[", "_").replace("]", "").replace("-", "_")
    return server_settings.model_copy(
        update={
            "serving": server_settings.serving.model_copy(update={"schema_name": name}),
            "lake": server_settings.lake.model_copy(update={"root": tmp_path / "lake"}),
        }
    )


@pytest.fixture
def connection(settings: Settings) -> Iterator[psycopg.Connection]:
    """A connection in autocommit with the test's schema as search path."""
    with connect(settings, autocommit=True) as open_connection:
        open_connection.execute(f"set search_path to {settings.serving.schema_name}")
        yield open_connection


def write_lists(night: Night, users: int = 30, items: int = 40, n: int = 5, seed: int = 1) -> None:
    """Write lists, phones and users to the night's lake, as the stages before publish do."""
    rng = np.random.default_rng(seed)
    item_ids = [f"i{number:03}" for number in range(items)]
    chosen = np.array([rng.choice(items, n, replace=False) for _ in range(users)]).ravel()
    ranks = np.tile(np.arange(1, n + 1, dtype=np.int16), users)
    user_ids = np.repeat([f"u{number:03}" for number in range(users)], n)
    day = night.logical_date
    reasons = [f"like the “Aurora” № {item}" for item in chosen]
    night.lake.write(
        "lists/recommendations",
        day,
        pa.table(
            {
                "user_id": user_ids,
                "rank": ranks,
                "item_id": [item_ids[item] for item in chosen],
                "score": pa.array(1 / ranks, pa.float32()),
                "source": ["fusion+als"] * len(ranks),
                "reason": reasons,
                "reason_code": ["history"] * len(ranks),
                "relaxed_rules": ["price_band" if rank == 2 else None for rank in ranks],
                "propensity": pa.array([0.9] * len(ranks), pa.float32()),
                "placed_by": ["score"] * len(ranks),
                "experiment": ["tried" if user < "u010" else None for user in user_ids.tolist()],
                "variant": ["control" if user < "u010" else None for user in user_ids.tolist()],
                "phone_variants": ["64GB Black"] * len(ranks),
            }
        ),
    )
    night.lake.write(
        "lists/similar_items",
        day,
        pa.table(
            {
                "item_id": item_ids,
                "rank": pa.array([1] * items, pa.int16()),
                "similar_item_id": item_ids[1:] + item_ids[:1],
                "score": pa.array([0.5] * items, pa.float32()),
                "reason": ["same screen"] * items,
            }
        ),
    )
    night.lake.write(
        "lists/popular_items",
        day,
        pa.table(
            {
                "segment": ["all"] * n,
                "rank": pa.array(range(1, n + 1), pa.int16()),
                "item_id": item_ids[:n],
                "score": pa.array(range(n, 0, -1), pa.float32()),
            }
        ),
    )
    night.lake.write(
        "marts/dim_item",
        day,
        pa.table(
            {
                "item_id": item_ids,
                "title": [f"=Phone {item}" for item in item_ids],
                "brand": ["Aurora"] * items,
                "price": [100.0 + number for number in range(items)],
                "is_in_stock": [True] * items,
                "release_date": pa.array([day] * (items - 1) + [None], pa.date32()),
            }
        ),
    )
    night.lake.write(
        "marts/dim_user",
        day,
        pa.table({"user_id": sorted(set(user_ids.tolist())), "country": ["DE", None, "CN"] * (users // 3)}),
    )
    write_decision(night.lake, day, Decision(True, day, None, ["promoted"]))
    report_scored(night)


def report_scored(night: Night) -> None:
    """Write the result of a score that has made the lists which are in the lake now."""
    digest = digest_partitions(night.lake, LIST_TABLES, night.logical_date)
    file = night.result_file("score")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(StageResult("score", night.logical_date, "lists", (), digest).to_json())


@pytest.fixture
def make_night(settings: Settings) -> Callable[..., Night]:
    """A function that makes a night whose lists are in the lake."""

    def make(day: date = DAY, **options: int) -> Night:
        night = Night(settings, day)
        write_lists(night, **options)
        return night

    return make

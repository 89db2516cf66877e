"""Compares materialization into online stores by columns with Feast's own path, in one run.

Both go through `FeatureStore.materialize`: the same source, the same reading in DuckDB, the same values
afterwards.
"""

from __future__ import annotations

import contextlib
import functools
import io
import shutil
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ENTITIES, STOCK_ENTITIES, FEATURES = 100_000, 10_000, 20
ROUNDS = 3
END = datetime(2026, 3, 1, tzinfo=UTC)
FAST = "features.stores"


@functools.cache
def measure() -> dict[str, Any]:
    """Measure entities of 20 features per second into each store, and the ratio to Feast's own rate.

    A store whose server is not installed is left out. Feast's own path gets fewer entities, because its rate
    does not depend on their number. Both are medians of three alternating rounds.
    """
    folder = Path(tempfile.mkdtemp(prefix="handpick-materialize-"))
    figures: dict[str, Any] = {"entities": ENTITIES, "stock_entities": STOCK_ENTITIES, "features": FEATURES}
    try:
        for rows in (ENTITIES, STOCK_ENTITIES):
            _write_source(folder / str(rows), rows)
        with contextlib.ExitStack() as servers:
            for name, fast, stock in _store_configurations(folder, servers):
                rates = [
                    (
                        _measure_rate(folder / str(ENTITIES), fast, ENTITIES),
                        _measure_rate(folder / str(STOCK_ENTITIES), stock, STOCK_ENTITIES),
                    )
                    for _ in range(ROUNDS)
                ]
                ours, theirs = (median(column) for column in zip(*rates, strict=True))
                figures[f"{name}_entities_per_second"] = ours
                figures[f"{name}_stock_entities_per_second"] = theirs
                figures[f"{name}_over_stock"] = ours / theirs
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return figures


def _write_source(root: Path, rows: int) -> None:
    """Write one night of users with 14 counts, 5 numbers and a timestamp each."""
    rng = np.random.default_rng(7)
    stamp = pa.timestamp("us", "UTC")
    columns: dict[str, Any] = {
        "user_id": [f"user-{number:08d}" for number in range(rows)],
        "event_timestamp": pa.array([END] * rows, stamp),
        **{f"count_{number}": rng.poisson(2 + 3 * number, rows) for number in range(14)},
        **{f"mean_{number}": rng.normal(500, 100, rows) for number in range(5)},
        "seen_at": pa.array([END - timedelta(days=int(days)) for days in rng.integers(0, 90, rows)], stamp),
    }
    folder = root / "features" / "sources" / "benchmark" / "logical_date=2026-02-28"
    folder.mkdir(parents=True)
    pq.write_table(pa.table(columns), folder / "part-00000.parquet")


def _measure_rate(root: Path, online: dict[str, Any], rows: int) -> float:
    """Materialize into an empty store, read two entities back as a check, return the entities per second."""
    store = _open_store(root, online)
    view = _feast_objects()[1]
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        store.apply(_feast_objects())  # creates the tables; not part of the rate
        began = time.perf_counter()
        store.materialize(END - timedelta(days=1), END)
        seconds = time.perf_counter() - began
        names = [f"benchmark:{field.name}" for field in view.features]
        read = store.get_online_features(
            names, [{"user_id": f"user-{number:08d}"} for number in (0, rows - 1)]
        ).to_dict()
        store.teardown()
    if any(None in values for values in read.values()):
        raise RuntimeError(f"{online['type']} did not return what was materialized")
    return rows / seconds


def _feast_objects() -> list[Any]:
    from feast import Entity, FeatureView, Field, FileSource, ValueType
    from feast.types import Float64, Int64, UnixTimestamp

    user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING)
    source = FileSource(
        name="benchmark_source",
        path="features/sources/benchmark/logical_date=*/*.parquet",
        timestamp_field="event_timestamp",
    )
    schema = [
        *(Field(name=f"count_{number}", dtype=Int64) for number in range(14)),
        *(Field(name=f"mean_{number}", dtype=Float64) for number in range(5)),
        Field(name="seen_at", dtype=UnixTimestamp),
    ]
    return [user, FeatureView(name="benchmark", entities=[user], schema=schema, source=source)]


def _open_store(root: Path, online: dict[str, Any]) -> Any:
    from feast import FeatureStore, RepoConfig

    fast = online["type"].startswith(FAST)
    return FeatureStore(
        config=RepoConfig(
            project="benchmark",
            provider="local",
            registry=str(root / "registry.db"),
            offline_store={"type": f"{FAST}.offline.LakeDuckDBOfflineStore", "root": str(root)},
            online_store=dict(online),
            batch_engine={"type": f"{FAST}.engine.ArrowComputeEngine" if fast else "local"},
            entity_key_serialization_version=3,
            repo_path=root,
        )
    )


def _store_configurations(
    folder: Path, servers: contextlib.ExitStack
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield name, fast and stock configuration of each kind of store that can run here."""
    path = str(folder / "online.db")
    yield (
        "sqlite",
        {"type": f"{FAST}.sqlite.FastSqliteOnlineStore", "path": path},
        {"type": "sqlite", "path": path},
    )
    if shutil.which("redis-server"):
        address = servers.enter_context(_start_redis(folder))
        yield (
            "redis",
            {"type": f"{FAST}.redis.FastRedisOnlineStore", "connection_string": address},
            {"type": "redis", "connection_string": address},
        )
    parts = servers.enter_context(_start_postgres(folder))
    yield (
        "postgres",
        {**parts, "type": f"{FAST}.postgres.FastPostgreSQLOnlineStore"},
        {**parts, "type": "postgres"},
    )


@contextlib.contextmanager
def _start_redis(folder: Path) -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            for _ in range(100):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.05)
            yield f"127.0.0.1:{port}"
        finally:
            server.terminate()


@contextlib.contextmanager
def _start_postgres(folder: Path) -> Iterator[dict[str, Any]]:
    from handpick.serving.embedded import stop_embedded
    from handpick.settings.load import load
    from handpick.stages.feature_store.feast_store import build_configuration

    settings = load(home=folder, features={"online_store": "postgres", "postgres_schema": "public"})
    try:
        yield build_configuration(settings)["online_store"]
    finally:
        stop_embedded(settings)

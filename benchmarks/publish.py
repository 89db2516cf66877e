"""Compares publishing with a bare binary COPY of the same rows into an unindexed table."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from benchmarks.topn import time_call
from handpick.lake.partitions import digest_partitions
from handpick.ledger.flows import StageResult
from handpick.night import Night
from handpick.serving.connection import connect
from handpick.serving.embedded import stop_embedded
from handpick.serving.relations import RECOMMENDATIONS, RELATIONS
from handpick.serving.schema import compose_columns, ensure_schema
from handpick.serving.versions import hold_publish_lock
from handpick.settings.load import Settings, load
from handpick.stages.publish.pg_copy import COPY_HEADER, COPY_TRAILER, encode_batches
from handpick.stages.publish.publish import digest_lists, load_version, publish
from handpick.stages.publish.row_preparation import prepare_rows
from handpick.stages.score.public import LIST_TABLES

N = 20
ROWS = int(os.environ.get("ROWS", "2_000_000"))
RUNS = int(os.environ.get("RUNS", "3"))
DAY = date(2026, 3, 1)
RUNG_L_ROWS = 20_000_000


def measure() -> dict[str, Any]:
    """Measure the row rate of loading relative to the bare COPY, and the seconds of the whole stage.

    Rates are medians over runs.

    The bare COPY gets pre-encoded bytes; loading starts from the rows and ends with a checked, attached
    version. The stage also reads the lake, moves the pointer and writes the exports; `seconds_for_rung_l`
    scales it to 20 million rows.
    """
    with temporary_server() as settings:
        night = Night(settings, DAY)
        write_lists(night, ROWS // N, 5_000, seed=1)
        runs = _time_runs(night)
        # Other content than the loads above, as from one night to the next.
        write_lists(night, ROWS // N, 5_000, seed=2)
        stage_s = time_call(lambda: publish(night))
    publish_s = median(run["publish_s"] for run in runs)
    return {
        "share_of_bare_rate": median(run["bare_s"] / run["publish_s"] for run in runs),
        "seconds_for_rung_l": stage_s * RUNG_L_ROWS / ROWS,
        "rows": ROWS,
        "publish_s": publish_s,
        "bare_s": median(run["bare_s"] for run in runs),
        "stage_s": stage_s,
        "rows_per_s": ROWS / publish_s,
        "bytes_per_row": runs[0]["bytes"] / ROWS,
        "runs": RUNS,
    }


def _time_runs(night: Night) -> list[dict[str, float]]:
    """Return the seconds of both, several times in turn."""
    tables = {
        relation: prepare_rows(night.lake.read(relation.lake_table, DAY), relation) for relation in RELATIONS
    }
    batches = encode_batches(tables[RECOMMENDATIONS], RECOMMENDATIONS)
    pieces = [COPY_HEADER, *(batch.payload for batch in batches), COPY_TRAILER]
    with connect(night.settings, autocommit=True, timeout_s=0) as connection:
        ensure_schema(connection, night.settings)

        def ours() -> None:
            with hold_publish_lock(connection, night.settings.serving.schema_name):
                load_version(connection, night, tables, digest_lists(night))

        return [
            {
                "bare_s": _time_bare_copy(connection, pieces),
                "publish_s": time_call(ours),
                "bytes": float(sum(map(len, pieces))),
            }
            for _ in range(RUNS)
        ]


def _time_bare_copy(connection: Any, pieces: list[Any]) -> float:
    """Return the seconds of a COPY of pre-encoded bytes into an existing table without checks."""
    connection.execute("drop table if exists bare")
    connection.execute(sql.SQL("create table bare ({})").format(compose_columns(RECOMMENDATIONS)))

    def copy() -> None:
        with connection.cursor().copy("copy bare from stdin (format binary)") as stream:
            for piece in pieces:
                stream.write(piece)

    return time_call(copy)


@contextmanager
def temporary_server() -> Iterator[Settings]:
    """Yield settings with their own embedded server and lake, which are removed afterwards."""
    home = Path(tempfile.mkdtemp(prefix="handpick-publish-"))
    settings = load(home=home)
    try:
        yield settings
    finally:
        stop_embedded(settings)
        shutil.rmtree(home, ignore_errors=True)


def write_lists(night: Night, users: int, items: int, seed: int) -> None:
    """Write lists of 20 phones per user as the score stage writes them; every seed gives different lists."""
    random = np.random.default_rng(seed)
    day, rows = night.logical_date, users * N
    item_ids = pa.array([f"item-{number:06}" for number in range(items)])
    start = random.integers(0, items, users)
    chosen = pa.array(((start[:, None] + np.arange(N) * 7) % items).ravel())
    people = pa.array([f"user-{number:08}" for number in range(users)])
    names = item_ids.take(chosen)
    reasons = pc.binary_join_element_wise("like the phone ", names, " you viewed, 12 g lighter", "")
    night.lake.write(
        "lists/recommendations",
        day,
        pa.table(
            {
                "user_id": people.take(pa.array(np.repeat(np.arange(users), N))),
                "rank": np.tile(np.arange(1, N + 1, dtype=np.int16), users),
                "item_id": names,
                "score": random.random(rows, dtype=np.float32),
                "source": pa.array(["fusion+als+content"]).take(pa.array(np.zeros(rows, np.int32))),
                "reason": reasons,
                "reason_code": pa.array(["history"]).take(pa.array(np.zeros(rows, np.int32))),
                "relaxed_rules": pa.nulls(rows, pa.string()),
                "propensity": np.full(rows, 0.95, np.float32),
                "placed_by": pa.array(["score"]).take(pa.array(np.zeros(rows, np.int32))),
                "phone_variants": pa.array([None, "128GB Black | 256GB Blue"], pa.string()).take(
                    pa.array(np.arange(rows, dtype=np.int32) % 2)
                ),
            }
        ),
    )
    ranks = np.ones(items, np.int16)
    scores = np.ones(items, np.float32)
    night.lake.write(
        "lists/similar_items",
        day,
        pa.table(
            {
                "item_id": item_ids,
                "rank": ranks,
                "similar_item_id": item_ids.take(pa.array((np.arange(items) + 1) % items)),
                "score": scores,
                "reason": pa.array(["same brand"] * items),
            }
        ),
    )
    popular = item_ids.slice(0, N)
    night.lake.write(
        "lists/popular_items",
        day,
        pa.table(
            {
                "segment": ["all"] * N,
                "rank": np.arange(1, N + 1, dtype=np.int16),
                "item_id": popular,
                "score": scores[:N],
            }
        ),
    )
    night.lake.write(
        "marts/dim_item",
        day,
        pa.table(
            {
                "item_id": item_ids,
                "title": item_ids,
                "price": np.full(items, 100.0),
                "is_in_stock": np.ones(items, bool),
            }
        ),
    )
    night.lake.write(
        "marts/dim_user", day, pa.table({"user_id": people, "country": pa.array(["DE"] * users)})
    )
    digest = digest_partitions(night.lake, LIST_TABLES, day)
    night.result_file("score").parent.mkdir(parents=True, exist_ok=True)
    night.result_file("score").write_text(StageResult("score", day, "lists", (), digest).to_json())

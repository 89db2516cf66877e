"""Times the pages of the Recommendations app over lists of rung L and 300 nights of history."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.publish import temporary_server, write_lists
from handpick.ledger.flows import Flow, StageResult
from handpick.night import Night
from handpick.pipeline.registry import list_nightly_names
from handpick.settings.load import Settings
from handpick.stages.publish.publish import publish
from handpick.stages.report.holders import HOLDERS_FILE, write_holders
from handpick.stages.report.summary import SUMMARY_FILE, NightSummary
from handpick.stages.score.list_tables import ABOUT_FILE, ARM, MASKS_FILE, PHONE_FACTS, USER_FACTS

USERS = int(os.environ.get("USERS", "1_000_000"))
USERS_BEFORE = int(os.environ.get("USERS_BEFORE", "50_000"))
"""Users of the version before, which pages read one list of; small, so that the comparison takes seconds."""
PHONES = int(os.environ.get("PHONES", "50_000"))
NIGHTS = int(os.environ.get("NIGHTS", "300"))
WIDTH = int(os.environ.get("WIDTH", "96"))
RUNS = int(os.environ.get("RUNS", "9"))
LAST = date(2026, 3, 10)
MEMBERS = 20
SLICES = ("all", "warm", "cold_user", "query_only", "cold_item", "launch_week")
SOURCES = ("catalog", "users", "events", "queries")
ROOT = Path(__file__).parents[1]


def measure() -> dict[str, Any]:
    """Measure the milliseconds of every page in this process: the median, and the first request of all.

    The current lists are as many as those of rung L, in an embedded PostgreSQL; 300 nights have a summary and
    a ledger. `slowest_ms` is the median of the slowest page; `slowest_first_ms` is the slowest first request
    after the start of the process, which reads what later ones find in memory. `processor_ms` is this
    process's own work, which other processes on the machine do not change.
    """
    with temporary_server() as settings:
        for night, seed in ((Night(settings, LAST - timedelta(days=1)), 1), (Night(settings, LAST), 2)):
            write_lists(night, USERS if night.logical_date == LAST else USERS_BEFORE, PHONES, seed=seed)
            publish(night)
        _write_facts(Night(settings, LAST))
        _write_history(settings)
        with _open_pages(settings) as client:
            first, later, work = {}, {}, {}
            for name, address in _list_addresses().items():
                first[name] = _time_request(client, address)
                before = time.process_time()
                later[name] = median(_time_request(client, address) for _ in range(RUNS))
                work[name] = 1000 * (time.process_time() - before) / RUNS
            waited = _wait_for_diff(client)
    return {
        "slowest_ms": max(later.values()),
        "slowest_first_ms": max(first.values()),
        "pages_ms": {name: round(value, 1) for name, value in later.items()},
        "processor_ms": {name: round(value, 1) for name, value in work.items()},
        "first_ms": {name: round(value, 1) for name, value in first.items()},
        "diff_compared_s": waited,
        "users": USERS,
        "users_before": USERS_BEFORE,
        "phones": PHONES,
        "nights": NIGHTS,
        "runs": RUNS,
    }


def _list_addresses() -> dict[str, str]:
    """Return the pages by name."""
    user, phone = f"user-{USERS // 2:08}", f"item-{PHONES // 2:06}"
    return {
        "today": "/",
        "search": "/lists?q=0042",
        "list of a user": f"/lists?user_id={user}",
        "why a phone is not on it": f"/lists?user_id={user}&item_id=item-{PHONES - 1:06}",
        "phone": f"/lists?item_id={phone}",
        "popular phones": "/lists?segment=all",
        "models": "/models",
        "models of a slice": "/models?slice=cold_item",
        "data": "/data",
        "versions": "/versions",
        "difference of two versions": "/versions/diff?a=1&b=2",
        "confirmation of a rollback": "/versions/rollback/1",
        "reports": "/nights",
    }


def _time_request(client: Any, address: str) -> float:
    """Return the milliseconds of a request.

    Raises:
        RuntimeError: If it fails.
    """
    start = time.perf_counter()
    answer = client.get(address)
    took = 1000 * (time.perf_counter() - start)
    if answer.status_code != 200:
        raise RuntimeError(f"{address}: {answer.status_code}: {answer.text[-300:]}")
    return took


def _wait_for_diff(client: Any) -> float:
    """Return the seconds until the comparison of both versions is there."""
    start = time.perf_counter()
    while "Users:" not in client.get("/versions/diff?a=1&b=2").text:
        if time.perf_counter() > start + 1800:
            raise RuntimeError("the versions are not compared after half an hour")
        time.sleep(0.5)
    return round(time.perf_counter() - start, 1)


def _write_facts(night: Night) -> None:
    """Write the facts of the lists as `score` does, with random factors, and the holders as `report` does."""
    random = np.random.default_rng(3)
    lake, day = night.lake, night.logical_date
    none = pa.ListArray.from_arrays(pa.array(np.zeros(USERS + 1, np.int32)), pa.array([], pa.int32()))
    with lake.replace_partition(USER_FACTS, day) as folder:
        table = pa.table(
            {
                "user_id": pa.array([f"user-{number:08}" for number in range(USERS)]),
                "source": pa.array(["fusion+als"] * USERS),
                "country": np.zeros(USERS, np.int64),
                "usual_price": np.full(USERS, 400, np.float32),
                "factors": _draw_vectors(random, USERS, WIDTH),
                "modalities": _draw_vectors(random, USERS, 3),
                "kind_price_band": np.zeros(USERS, np.int64),
                "pairs_not_owned": none,
            }
        )
        pq.write_table(
            table,
            _make_arm(folder) / "model.parquet",
            compression="zstd",
            row_group_size=512,
            use_dictionary=["source"],
            write_statistics=["user_id"],
        )
    with lake.replace_partition(PHONE_FACTS, day) as partition:
        folder = _make_arm(partition)
        phones = pa.table(
            {
                "item_id": pa.array([f"item-{number:06}" for number in range(PHONES)]),
                "title": pa.array([f"item-{number:06}" for number in range(PHONES)]),
                "brand": np.arange(PHONES) % 60,
                "model": np.arange(PHONES),
                "factors": _draw_vectors(random, PHONES, WIDTH),
                "modalities": _draw_vectors(random, PHONES, 5),
                "popularity": _draw_vectors(random, PHONES, 1),
                "boost": pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(PHONES, np.float32)), 1),
            }
        )
        pq.write_table(phones, folder / "part-00000.parquet", compression="zstd", use_dictionary=False)
        mask = np.zeros((1, PHONES), bool)
        np.savez_compressed(folder / MASKS_FILE, in_stock=mask, price_band=mask)
        about = {
            "terms": [["als", WIDTH // 3], ["fusion", WIDTH - WIDTH // 3]],
            "item_modalities": ["text", "image", "specs", "facts", "identity"],
            "user_modalities": ["query_text", "behaviour", "profile"],
            "score": night.settings.score.model_dump(mode="json"),
            "rules": night.settings.rules.model_dump(mode="json"),
        }
        (folder / ABOUT_FILE).write_text(json.dumps(about))


def _make_arm(partition: Path) -> Path:
    """Return the folder of the first arm."""
    folder = partition / f"{ARM}0000"
    folder.mkdir()
    return folder


def _draw_vectors(random: np.random.Generator, rows: int, width: int) -> pa.FixedSizeListArray:
    """Return random vectors as a column."""
    return pa.FixedSizeListArray.from_arrays(pa.array(random.random(rows * width, np.float32)), width)


def _write_history(settings: Settings) -> None:
    """Write the summary and the ledger of each night, with as many models and slices as rung L has."""
    random = np.random.default_rng(4)
    for back in range(NIGHTS):
        night = Night(settings, LAST - timedelta(days=back))
        flows = {
            stage: tuple(
                Flow(source, 10_000, 9_990, {f"rule number {number}": 5 for number in range(2)})
                for source in SOURCES
            )
            for stage in list_nightly_names()
        }
        for stage, found in flows.items():
            if stage == "publish" and back < 2:
                continue  # the real one's result is there
            file = night.result_file(stage)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(StageResult(stage, night.logical_date, "x", found, "d", 10.0).to_json())
        day = night.logical_date.isoformat()
        summary = NightSummary(
            date=day,
            is_demo=False,
            sentence=f"The night of {day} has published its lists. Nothing needs a person.",
            findings=[],
            stages=[
                {
                    "stage": stage,
                    "seconds": 10.0,
                    "flows": [
                        {
                            "source": flow.source,
                            "rows_in": flow.rows_in,
                            "rows_out": flow.rows_out,
                            "dropped": dict(flow.dropped),
                        }
                        for flow in found
                    ],
                }
                for stage, found in flows.items()
            ],
            evaluation=[
                [name, part, round(value, 6), round(value - 0.01, 6), round(value + 0.01, 6), 5000]
                for name in ["weighted", "popularity", *(f"member_{n}" for n in range(MEMBERS - 2))]
                for part in SLICES
                for value in [float(random.random())]
            ],
            gate={"promoted": True, "champion_date": day, "reasons": ["promoted: better"], "override": None},
            blend={f"segment {n}": {"fusion": 0.6, "als": 0.4} for n in range(4)},
            quality={
                "model": day,
                "value": 0.3,
                "low": 0.29,
                "high": 0.31,
                "popularity": 0.2,
                "popularity_low": 0.19,
                "popularity_high": 0.21,
                "users": 5000,
            },
            users=USERS,
        )
        with night.lake.replace_partition("report", night.logical_date) as folder:
            (folder / SUMMARY_FILE).write_text(summary.to_json())
            if not back:
                columns = ["user_id", "rank", "item_id"]
                lists = night.lake.read("lists/recommendations", LAST, columns)
                write_holders(lists, folder / HOLDERS_FILE)


@contextmanager
def _open_pages(settings: Settings) -> Iterator[Any]:
    """Yield a client of the pages' application, for somebody who has signed in as an administrator."""
    os.environ |= {
        "HANDPICK_CONFIG": str(settings.home / "handpick.toml"),
        "AIRFLOW_HOME": str(settings.home / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__API__SECRET_KEY": "of-this-benchmark",
    }
    (settings.home / "handpick.toml").touch()
    sys.path.insert(0, str(ROOT / "plugins"))
    from airflow.api_fastapi.app import create_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.security import get_user
    from airflow.utils.db import initdb
    from fastapi.testclient import TestClient
    from recommendation_pages import pages

    initdb()  # the runs of the front page are read from Airflow's database
    (guard,) = pages.router.dependencies
    assert guard.dependency is not None
    pages.dependency_overrides[guard.dependency] = lambda: None
    pages.dependency_overrides[get_user] = lambda: SimpleAuthManagerUser(username="admin", role="admin")
    create_auth_manager()
    with TestClient(pages) as client:
        yield client

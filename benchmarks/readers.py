"""Runs eight readers during a publish or rollback every two seconds: errors, wrong lists, and latency.

`READING_SECONDS=20 make bench NAME=readers` is a short run; the default is five minutes.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import numpy as np

from benchmarks.publish import DAY, N, temporary_server, write_lists
from handpick.night import Night
from handpick.serving.connection import connect
from handpick.serving.versions import rollback
from handpick.settings.load import Settings
from handpick.stages.publish.publish import publish

READERS, EVERY_SECONDS, USERS = 8, 2.0, 2_000
SECONDS = float(os.environ.get("READING_SECONDS", "300"))
QUERY = (
    "select list_version, generated_at, rank, item_id from serving.recommendations "
    "where user_id = %s order by rank"
)


def measure() -> dict[str, Any]:
    """Measure the readers' latencies and wrong results, and count the publishes and rollbacks."""
    with temporary_server() as settings:
        nights = []
        for number in range(2):
            night = Night(settings, DAY + timedelta(days=number))
            write_lists(night, USERS, 500, seed=number)
            nights.append(night)
        publish(nights[0])
        # Spawned, not forked: a fork would share the parent's database connections.
        context = multiprocessing.get_context("spawn")
        stop, results = context.Event(), context.Queue()
        readers = [
            context.Process(target=read_lists, args=(settings.home, number, stop, results))
            for number in range(READERS)
        ]
        for reader in readers:
            reader.start()
        for _ in readers:
            results.get()  # wait until each reader has read its first list
        happened = _change_versions(nights, settings)
        stop.set()
        seen = [results.get() for _ in readers]
        for reader in readers:
            reader.join()
    latencies = np.concatenate([np.array(one["latencies"]) for one in seen])
    wrong = sum((Counter(one["wrong"]) for one in seen), Counter())
    return {
        "wrong": sum(wrong.values()),
        "p99_ms": float(np.percentile(latencies, 99)) * 1000,
        "p50_ms": float(np.percentile(latencies, 50)) * 1000,
        "slowest_ms": float(latencies.max()) * 1000,
        "reads": len(latencies),
        "publishes": happened["publish"],
        "rollbacks": happened["rollback"],
        "versions_seen": len(set().union(*(one["versions"] for one in seen))),
        "what_was_wrong": ", ".join(f"{count} {what}" for what, count in wrong.items()) or "nothing",
        "seconds": SECONDS,
        "readers": READERS,
    }


def _change_versions(nights: list[Night], settings: Settings) -> Counter[str]:
    """Publish new content and roll back alternately, every two seconds, and count both."""
    happened: Counter[str] = Counter()
    began, number = time.monotonic(), 1
    while time.monotonic() - began < SECONDS:
        due = began + number * EVERY_SECONDS
        time.sleep(max(0.0, due - time.monotonic()))
        if number % 2:
            night = nights[-1]
            write_lists(night, USERS, 500, seed=100 + number)
            publish(night)
            happened["publish"] += 1
        else:
            rollback(settings)
            happened["rollback"] += 1
        number += 1
    return happened


def read_lists(home: Any, number: int, stop: Any, results: Any) -> None:
    """Read lists of random users, one every few milliseconds, as a web page would; runs as a process."""
    from handpick.settings.load import load

    draw = random.Random(number)
    latencies: list[float] = []
    versions: set[int] = set()
    wrong: Counter[str] = Counter()
    with connect(load(home=home), autocommit=True, reader=True) as connection:
        connection.execute(QUERY, ["user-00000000"])
        results.put("ready")
        while not stop.is_set():
            began = time.perf_counter()
            try:
                rows = connection.execute(QUERY, [f"user-{draw.randrange(USERS):08}"]).fetchall()
            except Exception as error:  # any error of the driver is counted, whatever its type
                wrong[type(error).__name__] += 1
                continue
            latencies.append(time.perf_counter() - began)
            if not rows:
                wrong["empty list"] += 1
            elif len({row[:2] for row in rows}) != 1:
                wrong["mixed list"] += 1
            elif [row[2] for row in rows] != list(range(1, N + 1)):
                wrong["incomplete list"] += 1
            else:
                versions.add(rows[0][0])
            time.sleep(0.005)
    results.put({"latencies": latencies, "versions": versions, "wrong": dict(wrong)})

"""A program that kills a writer of a partition before every call that changes the file system, one by one.

Each writer is a forked process, so that hundreds of kills take seconds. Prints a JSON line with what was seen.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from handpick.errors import MissingPartition
from handpick.lake import partitions, swap
from handpick.lake.partitions import Lake, digest_files, write_parquet

NIGHT = date(2026, 3, 1)
TABLE = "clean/users"
CHANGING_CALLS = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate"}
ROWS = {"old": 3, "new": 2}


def write(lake: Lake, version: str) -> None:
    """Write a version of the partition, in two files."""
    with lake.replace_partition(TABLE, NIGHT) as folder:
        for number in range(2):
            rows = pa.table({"version": [version] * ROWS[version], "file": [number] * ROWS[version]})
            write_parquet(rows, folder / f"part-{number:05d}.parquet")


def write_until_killed(lake: Lake, call: int, *, can_exchange: bool) -> None:
    """Write the new version; the process is killed before its n-th call that changes the file system."""
    calls = 0

    def count(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal calls
        writes = (
            event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_CREAT | os.O_TRUNC)
        )
        if event in CHANGING_CALLS or event == "handpick.exchange_names" or writes:
            calls += 1
            if calls == call:
                os.kill(os.getpid(), signal.SIGKILL)

    if not can_exchange:
        swap.CANNOT_EXCHANGE.update(range(200))
        swap.RENAME_EXCHANGE = 1 << 30  # no such flag: the system refuses it, as one without exchange does
    sys.addaudithook(count)
    write(lake, "new")


def see(lake: Lake) -> str:
    """Return which complete version a reader gets, `none`, or what is wrong."""
    try:
        if NIGHT not in lake.list_dates(TABLE):
            return "none"
        rows = lake.read(TABLE, NIGHT)
    except MissingPartition:
        return "none"
    return name_version(rows["version"].to_pylist())


def see_by_glob(lake: Lake) -> str:
    """Return what a query over all nights gets, which knows nothing of the lake."""
    files = sorted(lake.root.glob(f"{TABLE}/{partitions.PARTITION_PREFIX}*/*.parquet"))
    return name_version([value for file in files for value in pq.read_table(file)["version"].to_pylist()])


def name_version(values: list[str]) -> str:
    """Return the version that the values are of, if they are all of it."""
    if not values:
        return "none"
    return next((name for name, rows in ROWS.items() if values == [name] * rows * 2), f"mixed: {values}")


def run_forked(body: Callable[[], Any]) -> tuple[int, Any]:
    """Run a function in a forked process; return how that ended, and what the function returned."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        try:
            os.write(writing, json.dumps(body()).encode())
            os._exit(0)
        except BaseException as error:
            os.write(writing, json.dumps(f"{type(error).__name__}: {error}").encode())
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as stream:
        answer = stream.read()
    _, status = os.waitpid(child, 0)
    return status, json.loads(answer or "null")


def kill_everywhere(folder: Path, before: str, *, can_exchange: bool) -> dict[str, Any]:
    """Kill a writer at every call in turn; each time read, write again and compare with an undisturbed write."""

    def prepare(lake: Lake) -> None:
        if before != "none":
            write(lake, before)

    undisturbed = Lake(folder / "undisturbed")
    run_forked(lambda: write(undisturbed, "new"))
    expected = digest_files(undisturbed.partition(TABLE, NIGHT))
    seen: list[str] = []
    seen_by_glob: list[str] = []
    wrong: list[str] = []
    for call in range(1, 100):
        lake = Lake(folder / str(call), lock_timeout_s=5)
        run_forked(partial(prepare, lake))
        status, answer = run_forked(partial(write_until_killed, lake, call, can_exchange=can_exchange))
        if status == 0:
            return {"kills": call - 1, "seen": seen, "seen_by_glob": seen_by_glob, "wrong": wrong}
        if not os.WIFSIGNALED(status):
            wrong.append(f"call {call}: {answer}")
        seen_by_glob.append(run_forked(partial(see_by_glob, lake))[1])
        seen.append(run_forked(partial(see, lake))[1])
        run_forked(partial(write, lake, "new"))
        if digest_files(lake.partition(TABLE, NIGHT)) != expected:
            wrong.append(f"call {call}: another digest")
        left = [path.name for path in (lake.root / TABLE).iterdir() if path.name.startswith(".")]
        if left:
            wrong.append(f"call {call}: {left} left")
    raise AssertionError("the writer never finished")


if __name__ == "__main__":
    print(
        json.dumps(
            {
                f"{before}, {'exchange' if can_exchange else 'two renames'}": kill_everywhere(
                    Path(sys.argv[1]) / f"{before}-{can_exchange}", before, can_exchange=can_exchange
                )
                for before in ("none", "old")
                for can_exchange in (True, False)
            }
        )
    )

"""Runs the tests of every room, each room in a process of its own, and two of them at a time.

A room's tests share what is slow to start (Spark, PostgreSQL, Airflow); different rooms share nothing, so they need not
wait for each other. `run_tests.py [PROCESSES]`; to run some tests alone, `pytest tests/ROOM` does.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from xml.etree import ElementTree

TESTS = Path(__file__).resolve().parents[1] / "tests"
LONGEST = (
    *("end_to_end", "transform", "embed", "validate", "model", "real_catalogue", "features"),
    *("models/recommender", "train", "publish"),
)
"""Rooms that take minutes begin first, so that none of them is left alone at the end."""
APART = TESTS / "end_to_end" / "test_real_catalogue.py"
"""A file that shares nothing with the rest of its room and takes as long."""
SLOWEST = 10


def rooms() -> dict[str, list[str]]:
    """The rooms by name, longest first, with the files of their tests."""
    found: dict[str, list[str]] = defaultdict(list)
    for file in sorted(TESTS.rglob("test_*.py")):
        room = file.stem.removeprefix("test_") if file == APART else str(file.parent.relative_to(TESTS))
        found[room].append(str(file))
    order = {room: place for place, room in enumerate(LONGEST)}
    return {room: found[room] for room in sorted(found, key=lambda room: (order.get(room, len(order)), room))}


def run(files: list[str], report: Path) -> tuple[int, str]:
    """Exit status and output of pytest, whose tests write beside its report.

    Not below pytest's own folder: each new pytest closes that to other users, and a PostgreSQL which runs as one, because
    the tests run as root, then stops at its next checkpoint.
    """
    # Threads of two processes that wait for work by spinning would take the cores from each other.
    environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
    places = ("--junit-xml", str(report), "--basetemp", str(report.with_suffix("")))
    command = [sys.executable, "-m", "pytest", *files, *places]
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode, done.stdout.strip()


def main(processes: int) -> int:
    """Run all rooms; 1 if any test failed."""
    began = time.perf_counter()
    todo, failed = rooms(), []
    counts: Counter[str] = Counter()
    tests: list[tuple[float, str]] = []
    with (
        tempfile.TemporaryDirectory(prefix="handpick-", ignore_cleanup_errors=True) as folder,
        ThreadPoolExecutor(processes) as pool,
    ):
        reports = {room: Path(folder) / f"{number}.xml" for number, room in enumerate(todo)}
        running = {pool.submit(run, files, reports[room]): room for room, files in todo.items()}
        for number, ended in enumerate(as_completed(running), 1):
            room, (status, output) = running[ended], ended.result()
            if status:
                failed.append(room)
                print(output, flush=True)
            told = output.splitlines()[-1].strip("= ") if output else "no output"
            print(f"{_since(began)}  {number:2}/{len(todo)}  {room:<22} {told}", flush=True)
            if reports[room].is_file():
                _count(reports[room], counts, tests)
            shutil.rmtree(reports[room].with_suffix(""), ignore_errors=True)
    slowest = [f"{name} {seconds:.0f} s" for seconds, name in sorted(tests, reverse=True)[:SLOWEST]]
    print("The slowest: " + ", ".join(slowest))
    told = ", ".join(f"{counts[what]} {what}" for what in ("failed", "passed", "skipped") if counts[what])
    where = f"; look at {', '.join(failed)}" if failed else ""
    print(f"{told} in {_since(began).strip()}{where}")
    return 1 if failed else 0


def _since(began: float) -> str:
    """Seconds that have passed."""
    return f"{time.perf_counter() - began:5.0f} s"


def _count(report: Path, counts: Counter[str], tests: list[tuple[float, str]]) -> None:
    """Add what became of one room's tests."""
    for case in ElementTree.parse(report).iter("testcase"):
        what = {child.tag for child in case} & {"failure", "error", "skipped"}
        counts["skipped" if what == {"skipped"} else "failed" if what else "passed"] += 1
        tests.append((float(case.get("time", 0)), str(case.get("name"))))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 2))

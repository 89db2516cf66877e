"""Runs all tests: each folder below `tests/` in a pytest process of its own, two of them at a time.

The tests of a folder share what is slow to start (Spark, PostgreSQL, Airflow); those of different folders
share nothing and can run in parallel. Usage: `run_tests.py [--processes N] [--folder NAME]`, where NAME is a
folder below `tests/` or the last part of one (`stages/score` or `score`).
"""

from __future__ import annotations

import argparse
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
    *(
        "end_to_end",
        "stages/transform",
        "stages/embed",
        "stages/validate",
        "stages/warehouse",
        "real_catalogue",
    ),
    *("stages/feature_store", "models/recommender", "stages/train", "stages/publish"),
)
"""Folders that take minutes. They begin first, so that none of them is left to run alone at the end."""
OWN_PROCESS = TESTS / "end_to_end" / "test_real_catalogue.py"
"""A file that shares nothing with its folder and takes as long as the rest, so that it is run like a
folder."""
SLOWEST = 10
"""How many of the slowest tests are named at the end."""


COVERED = ("handpick", "models", "features")
"""Packages whose coverage is measured."""


def find_groups(folder: str | None = None) -> dict[str, list[str]]:
    """Return the test files of each folder by its name, longest first.

    Args:
        folder: Only this folder and those below it; its last part is enough.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for file in sorted(TESTS.rglob("test_*.py")):
        group = (
            file.stem.removeprefix("test_") if file == OWN_PROCESS else str(file.parent.relative_to(TESTS))
        )
        if folder is None or f"/{folder}/" in f"/{group}/":
            found[group].append(str(file))
    order = {group: place for place, group in enumerate(LONGEST)}
    return {
        group: found[group]
        for group in sorted(found, key=lambda group: (order.get(group, len(order)), group))
    }


def run(files: list[str], report: Path) -> tuple[int, str]:
    """Run pytest on some files and return its exit status and output.

    The tests' temporary folders are next to `report`.

    They are not in pytest's default folder, as each new pytest removes other users' access to that. A
    PostgreSQL that runs as another user, as it must if the tests run as root, would then stop at its next
    checkpoint.
    """
    # OpenMP threads of two processes that spin while they wait would take the cores from each other.
    environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
    places = ("--junit-xml", str(report), "--basetemp", str(report.with_suffix("")))
    coverage = [*(f"--cov={package}" for package in COVERED), "--cov-report="]
    # One data file a folder: processes that run at the same time would overwrite each other's.
    environment["COVERAGE_FILE"] = str(report.with_suffix(".coverage"))
    command = [sys.executable, "-m", "pytest", *files, *places, *coverage]
    done = subprocess.run(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    return done.returncode, done.stdout.strip()


def main(processes: int, only: str | None = None) -> int:
    """Run the tests of all folders, or of one, and return the exit status: 1 if any test failed."""
    began = time.perf_counter()
    todo, failed = find_groups(only), []
    if not todo:
        print(f"There is no folder of tests called {only!r}; there are {', '.join(find_groups())}.")
        return 2
    counts: Counter[str] = Counter()
    tests: list[tuple[float, str]] = []
    with (
        tempfile.TemporaryDirectory(prefix="handpick-", ignore_cleanup_errors=True) as folder,
        # Threads suffice: each waits for a pytest process.
        ThreadPoolExecutor(processes) as pool,
    ):
        reports = {group: Path(folder) / f"{number}.xml" for number, group in enumerate(todo)}
        running = {pool.submit(run, files, reports[group]): group for group, files in todo.items()}
        for number, ended in enumerate(as_completed(running), 1):
            group, (status, output) = running[ended], ended.result()
            if status:
                failed.append(group)
                print(output, flush=True)
            last = output.splitlines()[-1].strip("= ") if output else "no output"
            print(f"{_since(began)}  {number:2}/{len(todo)}  {group:<22} {last}", flush=True)
            if reports[group].is_file():
                _count(reports[group], counts, tests)
            # A folder's lakes and databases take gigabytes; they are not needed once it is done.
            shutil.rmtree(reports[group].with_suffix(""), ignore_errors=True)
        coverage = measure_coverage(Path(folder))
    slowest = [f"{name} {seconds:.0f} s" for seconds, name in sorted(tests, reverse=True)[:SLOWEST]]
    print("Slowest tests: " + ", ".join(slowest))
    summary = ", ".join(f"{counts[what]} {what}" for what in ("failed", "passed", "skipped") if counts[what])
    where = f"; failures in {', '.join(failed)}" if failed else ""
    print(coverage)
    print(f"{summary} in {_since(began).strip()}{where}")
    return 1 if failed else 0


def measure_coverage(folder: Path) -> str:
    """Combine the coverage of all test processes and return it as one line for people.

    Stages that tests run in processes of their own (Airflow's tasks, workers) are not counted.
    """
    data = {**os.environ, "COVERAGE_FILE": str(folder / "all.coverage")}
    coverage = [sys.executable, "-m", "coverage"]
    files = sorted(str(file) for file in folder.glob("*.coverage"))
    if not files:
        return "Coverage: not measured."
    subprocess.run([*coverage, "combine", "--quiet", *files], env=data, check=True)
    total = subprocess.run(
        [*coverage, "report", "--format=total"], env=data, capture_output=True, text=True, check=False
    )
    return f"Coverage: {total.stdout.strip()} % of the lines of {', '.join(COVERED)}."


def _since(began: float) -> str:
    """Format the seconds that have passed since a `perf_counter` value."""
    return f"{time.perf_counter() - began:5.0f} s"


def _count(report: Path, counts: Counter[str], tests: list[tuple[float, str]]) -> None:
    """Add the outcomes and seconds of one folder's tests from pytest's JUnit report."""
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314 - pytest's own report
        what = {child.tag for child in case} & {"failure", "error", "skipped"}
        counts["skipped" if what == {"skipped"} else "failed" if what else "passed"] += 1
        tests.append((float(case.get("time", 0)), str(case.get("name"))))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=2, help="folders tested at the same time")
    parser.add_argument("--folder", default=None, help="only this folder of tests/")
    options = parser.parse_args()
    sys.exit(main(options.processes, options.folder or None))

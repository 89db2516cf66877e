"""Runs the same two nights in eight different environments and compares every table, raw to lists.

Each variation has a folder of its own and runs its first and second night in two processes, with another
setting of what must not matter: seed of Python's hashes, threads, processors, time zone, locale, load of the
machine, length of the folder's path, umask, times of the files. `RUNG=S make bench NAME=same-bytes` is the
weekly run; `VARIATIONS=2` a short one.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors import safe_open

from benchmarks.demo_shops import LAST_DAY
from handpick.lake.partitions import PARTITION_PREFIX
from handpick.pipeline.registry import STAGES

RUNG = os.environ.get("RUNG", "XS")
VARIATIONS = int(os.environ.get("VARIATIONS", "8"))
DAYS = (LAST_DAY, LAST_DAY + timedelta(days=1))
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Variation:
    """An environment of two nights.

    Args:
        name: Of its folder, too.
        variables: Of the environment; None removes one.
        processors: How many processors it may use; None for all.
        umask: Of the files that it makes.
        load: Processes that compute all the time beside it.
        file_age_days: How long ago its landing files were written, by their times.
    """

    name: str
    variables: Mapping[str, str | None] = field(default_factory=dict)
    processors: int | None = None
    umask: int = 0o022
    load: int = 0
    file_age_days: int = 0


def _threads(count: int) -> dict[str, str | None]:
    """Return the variables by which numerical libraries are told a number of threads."""
    return dict.fromkeys(THREADS, str(count))


ENVIRONMENTS = (
    Variation("plain", {"PYTHONHASHSEED": "0"}),
    Variation("one-thread", {"PYTHONHASHSEED": "1", **_threads(1)}),
    Variation("eight-threads", {"PYTHONHASHSEED": "2", **_threads(8)}),
    Variation(
        "far-east",
        {"PYTHONHASHSEED": "3", "TZ": "Pacific/Kiritimati", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"},
        file_age_days=400,
    ),
    Variation(
        "far-west",
        {"PYTHONHASHSEED": "4", "TZ": "America/St_Johns", "LANG": "C", "LC_ALL": "C", **_threads(3)},
        umask=0o077,
    ),
    Variation("one-processor", {"PYTHONHASHSEED": "random", "LANG": "tr_TR.UTF-8"}, processors=1),
    Variation("loaded-machine", {"PYTHONHASHSEED": "5", "OMP_WAIT_POLICY": "ACTIVE"}, load=4),
    Variation("-".join(["a-folder-with-a-long-path"] * 6), {"PYTHONHASHSEED": "6", "TZ": None}, umask=0o002),
)

OTHER_PROCESSOR = Variation(
    "other-processor",
    {
        "ATEN_CPU_CAPABILITY": "default",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "Nehalem",
    },
)
"""The instructions of an old processor: libraries choose other code paths, which round differently.

What differs then is measured and has no target."""
SHORT_TRAINING = """
[pretraining.text]
steps = 20
[pretraining.image]
steps = 20
[pretraining.audio]
steps = 20
phrases = 40
[training]
epochs = 2
tracking = ""
[evaluate]
resamples = 100
"""
"""Settings of rung XS: encoders and models learn for a short time, by the same steps."""


def measure() -> dict[str, Any]:
    """Count the tables that differ from those of the first environment, over all of the others."""
    home = Path(tempfile.mkdtemp(prefix="handpick-same-"))
    try:
        make_inputs(home, DAYS, RUNG)
        compared, differing, first = 0, 0, "none"
        plain = home / ENVIRONMENTS[0].name / "var"
        expected: dict[str, dict[str, str]] = {}
        settings = SHORT_TRAINING if RUNG == "XS" else ""
        inputs = [home / str(day) for day in DAYS]
        for variation in ENVIRONMENTS[:VARIATIONS]:
            place = run_nights(home / variation.name, inputs, variation, settings)
            found = digest_tables(place)
            if not expected:
                expected = found
                continue
            compared += len(expected)
            differs = [table for table in (*expected, *found) if expected.get(table) != found.get(table)]
            differing += len(set(differs))
            if differs and first == "none":
                first = f"{variation.name}: {describe_difference(plain, place, differs[0])}"
            what = ", ".join(dict.fromkeys(differs)) or f"all {len(expected)} tables are the same"
            print(f"{variation.name}: {what}", file=sys.stderr, flush=True)
            if not differs and not os.environ.get("KEEP"):
                shutil.rmtree(place)
        other = {}
        if os.environ.get("OTHER_PROCESSOR", "1") == "1":
            place = run_nights(home / OTHER_PROCESSOR.name, inputs, OTHER_PROCESSOR, settings)
            other = compare_processors(plain, place, expected)
        return {
            "tables_differ": differing,
            "first_difference": first,
            "tables": len(expected),
            "variations": VARIATIONS,
            "compared": compared,
            "rung": RUNG,
            **other,
        }
    finally:
        if not os.environ.get("KEEP"):
            shutil.rmtree(home, ignore_errors=True)


def compare_processors(plain: Path, other: Path, expected: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """Return how two nights differ that were computed with other instructions.

    Returns:
        The first table that differs, and of the lists of the first night: the share of rows with another
        phone, and the largest difference of scores of the same user's same phone.
    """
    found = digest_tables(other)
    differs = [table for table in expected if expected[table] != found.get(table)]
    lists = [
        pq.read_table(
            home
            / "lake"
            / "lists"
            / "recommendations"
            / f"{PARTITION_PREFIX}{DAYS[0]}"
            / "part-00000.parquet",
            columns=["user_id", "rank", "item_id", "score"],
        )
        for home in (plain, other)
    ]
    ranked = [{(row["user_id"], row["rank"]): row["item_id"] for row in one.to_pylist()} for one in lists]
    scores = [{(row["user_id"], row["item_id"]): row["score"] for row in one.to_pylist()} for one in lists]
    shared = scores[0].keys() & scores[1].keys()
    return {
        "other_processor_first_table": differs[0] if differs else "none",
        "other_processor_tables": len(differs),
        "other_processor_rows_changed": sum(ranked[1].get(place) != item for place, item in ranked[0].items())
        / len(ranked[0]),
        "other_processor_largest_score_difference": max(
            (abs(scores[0][pair] - scores[1][pair]) for pair in shared), default=0.0
        ),
    }


def make_inputs(folder: Path, days: Sequence[date], rung: str) -> Path:
    """Make the input of each day, `folder/2026-03-01` and so on: a demo shop, and the same a day later."""
    shop = folder / "made"
    command = [sys.executable, "-m", "handpick.cli.main", "demo", "--out", str(shop)]
    for number, day in enumerate(days):
        options = ["--add-day"] if number else ["--rung", rung]
        subprocess.run([*command, *options], check=True, capture_output=True)
        shutil.copytree(shop, folder / str(day))
    return folder


def run_nights(
    home: Path, inputs: list[Path], variation: Variation, settings: str = "", through: str = "score"
) -> Path:
    """Run a night for each input in a folder of its own, each in a process of its own.

    Args:
        home: The folder; made if missing.
        inputs: Folders with `landing/` and `truth/` as they are on each night.
        variation: The environment.
        settings: Content of `handpick.toml`.
        through: The last stage.

    Returns:
        The folder `var` below `home`.

    Raises:
        RuntimeError: If a night fails.
    """
    home.mkdir(parents=True)
    (home / "handpick.toml").write_text(settings)
    environment = {**os.environ, "HANDPICK_CONFIG": str(home / "handpick.toml")}
    for name, value in variation.variables.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    for day, arrived in zip(DAYS, inputs, strict=False):
        deliver(arrived, home / "var", variation.file_age_days)
        command = ["backfill", "--from", str(day), "--to", str(day), "--through", through]
        with _keep_busy(variation.load):
            done = subprocess.run(
                [sys.executable, "-m", "handpick.cli.main", *command],
                env=environment,
                cwd=home,
                umask=variation.umask,
                preexec_fn=lambda: _limit_processors(variation.processors),
                capture_output=True,
                text=True,
                check=False,
            )
        if done.returncode:
            raise RuntimeError(f"{variation.name}, {day}: {done.stderr[-3000:]}")
    return home / "var"


def _limit_processors(count: int | None) -> None:
    """Let this process and its children use only so many of the processors that it may use."""
    if count is not None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def deliver(arrived: Path, var: Path, age_days: int = 0) -> None:
    """Copy what has arrived by a night; the files' times are those of another machine."""
    for source in sorted(path for path in arrived.rglob("*") if path.is_file()):
        target = var / source.relative_to(arrived)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and target.read_bytes() == source.read_bytes():
            continue
        shutil.copyfile(source, target)
        written = source.stat().st_mtime - age_days * 86_400
        os.utime(target, (written, written))


@contextmanager
def _keep_busy(processes: int) -> Iterator[None]:
    """Let so many processes compute during the block."""
    with ExitStack() as stack:
        for _ in range(processes):
            busy = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(busy.kill)
        yield


def digest_tables(var: Path) -> dict[str, dict[str, str]]:
    """Return the SHA-256 of every file by partition (`clean/items/logical_date=…`), in the order of stages.

    The results of stages hold measured seconds and are left out, like caches and the pages for people, which
    say when they were made. Encoders are a table, too.
    """
    found: dict[str, dict[str, str]] = {}
    for root in (var / "lake", var / "encoders"):
        for file in sorted(root.rglob("*")):
            place = file.relative_to(root if root.name == "lake" else var)
            if not file.is_file() or any(part.startswith(".") for part in place.parts):
                continue
            if place.parts[0] in ("ledger", "report", "docs"):
                continue
            parts = [number for number, part in enumerate(place.parts) if part.startswith(PARTITION_PREFIX)]
            depth = parts[0] + 1 if parts else 1
            table = "/".join(place.parts[:depth])
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            found.setdefault(table, {})["/".join(place.parts[depth:])] = digest
    order = {table: number for number, stage in enumerate(STAGES) for table in stage.writes}
    return dict(
        sorted(
            found.items(),
            key=lambda pair: (pair[0].rpartition("=")[2], order.get(pair[0].split("/")[0], -1), pair[0]),
        )
    )


def describe_difference(one: Path, other: Path, table: str) -> str:
    """Return where two homes' partitions first differ: file, then column and row, tensor, key or byte."""
    roots = [home if table == "encoders" else home / "lake" for home in (one, other)]
    names = [
        {str(p.relative_to(root / table)) for p in (root / table).rglob("*") if p.is_file()} for root in roots
    ]
    if alone := sorted(names[0] ^ names[1]):
        return f"{table}/{alone[0]} is only in {'the first' if alone[0] in names[0] else 'the second'}"
    for name in sorted(names[0]):
        files = [root / table / name for root in roots]
        if files[0].read_bytes() != files[1].read_bytes():
            try:
                return f"{table}/{name}: {_describe_files(*files)}"
            except (ValueError, OSError) as error:  # one of them is damaged
                return f"{table}/{name} cannot be read: {str(error)[:200]}"
    return f"{table}: equal"


def _describe_files(one: Path, other: Path) -> str:
    """Return where two files of the same name first differ."""
    if one.suffix == ".parquet":
        return _describe_tables(pq.read_table(one), pq.read_table(other))
    if one.suffix == ".safetensors":
        with safe_open(one, "np") as first, safe_open(other, "np") as second:
            for name in sorted({*first.keys(), *second.keys()}):
                if name not in first.keys() or name not in second.keys():  # noqa: SIM118
                    return f"tensor {name} is only in one"
                values = first.get_tensor(name), second.get_tensor(name)
                if values[0].tobytes() != values[1].tobytes():
                    return f"tensor {name}, {_describe_arrays(*values)}"
        return "metadata"
    if one.suffix == ".json":
        return _describe_json(json.loads(one.read_text()), json.loads(other.read_text()))
    if one.suffix == ".npy":
        return _describe_arrays(np.load(one), np.load(other))
    pairs = zip(one.read_bytes(), other.read_bytes(), strict=False)
    return f"byte {next((number for number, (a, b) in enumerate(pairs) if a != b), 'at the end')}"


def _describe_tables(one: pa.Table, other: pa.Table) -> str:
    """Return the first column and row in which two tables differ."""
    if one.schema != other.schema or len(one) != len(other):
        return f"{len(one):,} and {len(other):,} rows, or other columns"
    for name in one.column_names:
        if not one[name].equals(other[name]):
            pairs = enumerate(zip(one[name], other[name], strict=True))
            # NaN differs from itself, so texts are compared
            row, (left, right) = next(
                (pair for pair in pairs if str(pair[1][0]) != str(pair[1][1])), (-1, (None, None))
            )
            return f"column {name}, row {row}: {str(left)[:80]} and {str(right)[:80]}"
    return "equal values in other bytes"


def _describe_arrays(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> str:
    """Return how two arrays differ: shapes, or first place and largest difference."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return f"{one.dtype} {one.shape} and {other.dtype} {other.shape}"
    places = np.argwhere(one != other)
    if not len(places) or one.dtype.kind not in "fiu":
        return "other bytes"
    largest = np.abs(one.astype(np.float64) - other.astype(np.float64)).max()
    others = f"{len(places) - 1:,} others of {one.size:,}"
    return f"element {tuple(map(int, places[0]))} and {others}, by up to {largest:.2g}"


def _describe_json(one: Any, other: Any, key: str = "") -> str:
    """Return the first key under which two JSON values differ, and both values."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        name = next((name for name in one if one[name] != other[name]), "")
        return (
            _describe_json(one[name], other[name], f"{key}.{name}") if name else "equal values in other bytes"
        )
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        place = next(
            (place for place, pair in enumerate(zip(one, other, strict=True)) if pair[0] != pair[1]), -1
        )
        return _describe_json(one[place], other[place], f"{key}[{place}]") if place >= 0 else "equal values"
    return f"key {key}: {str(one)[:80]} and {str(other)[:80]}"

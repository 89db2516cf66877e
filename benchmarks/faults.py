"""Injects faults into whole nights, runs them again, and compares with nights that nothing disturbed.

Counts by kind how many faults were survived: afterwards every table from raw to the lists has the bytes of
the undisturbed nights, readers saw complete versions only, and no message was a traceback or contradicted the
pointer. `KILLS=10 KINDS=kills make bench NAME=faults` is a short run; `KINDS` is a list of the names in
`KINDS_OF_FAULTS`, and those that are left out count as they last came out. The small file systems of
`full-disk` and `read-only-disk` need the rights to mount.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from benchmarks.benchmark import RESULTS
from benchmarks.disturbed_nights import (
    DAYS,
    Home,
    Reader,
    Tally,
    Undisturbed,
    check_message,
    check_night,
    finish_stage,
    run_undisturbed,
)
from benchmarks.faults_under_airflow import kill_under_airflow
from benchmarks.same_bytes import SHORT_TRAINING, make_inputs
from benchmarks.shifted_clock import ShiftedClock
from handpick.pipeline.registry import get_stage, list_nightly_names
from handpick.serving.embedded import stop_embedded

KILLS = int(os.environ.get("KILLS", "100"))
SEED = int(os.environ.get("SEED", "1"))
TALLIES = RESULTS / "faults-by-kind.json"
"""What happened to the faults of each kind when it was last run."""
ROOT = Path(__file__).resolve().parents[1]
DISK_MIB = 2048
GAP_DAYS = 5
CLOCKS = {
    "forward": datetime(2026, 3, 29, 0, 59, 55, tzinfo=UTC),
    "back": datetime(2026, 10, 25, 0, 59, 55, tzinfo=UTC),
    "set-back": datetime(2026, 10, 25, 12, 0, 0, tzinfo=UTC),
}
"""When the nights begin: just before Berlin's clocks are put forward or back, and with one that is set."""


def measure() -> dict[str, Any]:
    """Inject the faults of all kinds and count what was survived."""
    wanted = os.environ.get("KINDS", ",".join(KINDS_OF_FAULTS)).split(",")
    folder = Path(tempfile.mkdtemp(prefix="handpick-faults-"))
    # By default it would end here at once, and leave servers behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("faults: ended by a signal"))
    with ExitStack() as stack:
        if not os.environ.get("KEEP"):
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
        shop = make_inputs(folder / "shop", DAYS, "XS")
        plain = run_undisturbed(folder / "plain", shop)
        stack.callback(plain.home.close)
        for kind in wanted:
            tally = Tally()
            print(f"{kind} ...", file=sys.stderr)
            is_whole = False
            try:
                KINDS_OF_FAULTS[kind](plain, folder / kind, tally)
                is_whole = True
            except Exception as error:
                tally.note("ended_early", f"{kind}: {traceback.format_exc()[-1500:]}")
                tally.note("ended_early", f"{kind}: {error}")
            finally:  # also if the benchmark is interrupted
                _keep_tally(kind, tally, is_whole)
            print(f"{kind}: {tally.survived} of {tally.injected}", file=sys.stderr)
    return _summarize()


def _keep_tally(kind: str, tally: Tally, is_whole: bool) -> None:
    """Store what happened to the faults of a kind beside those of the other kinds.

    All kinds together take hours; a benchmark that is interrupted goes on with the others by `KINDS`.
    """
    kept = json.loads(TALLIES.read_text()) if TALLIES.is_file() else {}
    kept[kind] = {**asdict(tally), "is_whole": is_whole, "tree": _describe_tree()}
    TALLIES.parent.mkdir(exist_ok=True)
    TALLIES.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


def _describe_tree() -> str:
    """Return the commit that is measured, marked where files differ from it; `unknown` outside of git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return ended.stdout.strip() or "unknown"


def _summarize() -> dict[str, Any]:
    """Add up the stored tallies of all kinds, of this run and of earlier ones."""
    kept = json.loads(TALLIES.read_text())
    tallies = {kind: kept[kind] for kind in KINDS_OF_FAULTS if kind in kept}
    total: Counter[str] = sum((Counter(tally["counts"]) for tally in tallies.values()), Counter())
    problems = [problem for tally in tallies.values() for problem in tally["problems"]]
    return {
        "not_survived": sum(tally["injected"] - tally["survived"] for tally in tallies.values()),
        "injected": sum(tally["injected"] for tally in tallies.values()),
        **{f"survived_{kind}": f"{one['survived']} of {one['injected']}" for kind, one in tallies.items()},
        **{name: total[name] for name in ("rows_lost", "mixed_reads", "false_messages", "tracebacks")},
        "reads": total["reads"],
        "kinds_missing": sum(not kept.get(kind, {}).get("is_whole") for kind in KINDS_OF_FAULTS),
        "trees": ", ".join(sorted({kept[kind].get("tree", "unknown") for kind in tallies})),
        "first_problem": problems[0][:300] if problems else "none",
    }


def kill_at_random(plain: Undisturbed, folder: Path, tally: Tally) -> None:
    """Kill every stage of two nights at random moments, and run it again, with a reader looking on."""
    draw, home = random.Random(SEED), Home(folder, plain.shop)
    reader = Reader(home, plain.contents)
    reader.start()
    stages = list_nightly_names()
    # A tenth of the kills hit the command that runs all stages, wherever it is then.
    whole = max(1, KILLS // 10)
    plan = Counter((DAYS[number % 2], stages[number // 2 % len(stages)]) for number in range(KILLS - whole))
    try:
        for day in DAYS[:2]:
            home.bring(day)
            for number in range(whole // 2 + (whole % 2 if day == DAYS[0] else 0)):
                with tally.fault():
                    total = sum(plain.seconds[day].values())
                    what = f"kill {number} of night {day}"
                    _kill_one(home, "night", day, draw.uniform(0, total), draw.random() < 0.5, what, tally)
            for stage in stages:
                for number in range(plan[day, stage]):
                    with tally.fault():
                        after, alone = draw.uniform(0, plain.seconds[day][stage]), draw.random() < 0.5
                        what = f"kill {number} of {stage} of {day} after {after:.2f} s"
                        _kill_one(home, stage, day, after, alone, what, tally)
                        # Every other kill hits what the one before has left.
                        if number % 2:
                            finish_stage(home, stage, day, what, tally)
                finish_stage(home, stage, day, f"{stage} of {day}", tally)
            with _blame(tally):
                check_night(home, plain, day, f"night {day}", tally)
                if home.read_content() not in plain.contents:
                    tally.note("rows_lost", f"night {day}: other lists are published")
    finally:
        reader.finish(tally)
        tally.counts["reads"] = reader.reads
        home.close()


@contextmanager
def _blame(tally: Tally) -> Iterator[None]:
    """Count one fault of those before as not survived if a problem is noted in the block."""
    before = len(tally.problems)
    yield
    tally.survived -= len(tally.problems) > before


def _kill_one(
    home: Home, command: str, day: date, after: float, alone: bool, what: str, tally: Tally
) -> None:
    """Kill a command after some seconds; one that ends before counts as run, and must have succeeded."""
    pointer = home.read_pointer()
    run = home.run_night if command == "night" else lambda *a, **k: home.run_stage(command, *a, **k)
    ended = run(day, kill_after=after, only_process=alone)
    if not ended.was_killed and ended.status:
        tally.note("reruns_failed", f"{what}: {ended.output[-600:]}")
    check_message(ended, home.read_pointer() != pointer, what, tally)


def kill_database(plain: Undisturbed, folder: Path, tally: Tally) -> None:
    """Kill the database in the middle of publish; the next run starts and recovers it."""
    draw, home = random.Random(SEED), Home(folder, plain.shop)
    day = DAYS[0]
    try:
        _copy_night(plain, home)
        for number in range(max(3, KILLS // 10)):
            with tally.fault():
                what = f"database killed in publish, {number}"
                home.run_stage("publish", day)  # the server runs
                # Published before: other lists, so that there is something to load.
                pointer = home.read_pointer()
                running = home.server.start(
                    "publish", "--date", str(day), HANDPICK__SERVING__SCHEMA_NAME=f"s{number}"
                )
                threading.Timer(draw.uniform(0, plain.seconds[day]["publish"]), _kill_server, [home]).start()
                ended = home.server.wait(running)
                check_message(ended, False, what, tally)
                again = home.server.run(
                    "publish", "--date", str(day), HANDPICK__SERVING__SCHEMA_NAME=f"s{number}"
                )
                if again.status:
                    tally.note("reruns_failed", f"{what}: {again.output[-600:]}")
                if home.read_pointer() != pointer or home.read_content() not in plain.contents:
                    tally.note("rows_lost", f"{what}: other lists are current")
    finally:
        home.close()


def _kill_server(home: Home) -> None:
    """Kill the embedded database's first process; the others end by themselves."""
    file = home.folder / "var" / "postgres" / "postmaster.pid"
    if file.is_file():
        os.kill(int(file.read_text().splitlines()[0]), signal.SIGKILL)


def _copy_night(plain: Undisturbed, home: Home, leave_out: tuple[str, ...] = ()) -> None:
    """Copy all that the undisturbed nights left, without their database."""
    shutil.copytree(
        plain.home.folder / "var",
        home.folder / "var",
        ignore=lambda where, _: {"postgres", *leave_out} if Path(where).name == "var" else set(),
        dirs_exist_ok=True,
    )


@contextmanager
def mounted(folder: Path, mib: int = DISK_MIB) -> Iterator[Path]:
    """Mount a file system of its own and of a size in MiB at a folder."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=755", "tmpfs", str(folder)]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def full(folder: Path, left: int) -> Iterator[None]:
    """Fill a file system up to a number of free bytes."""
    ballast = folder / "ballast"
    with ballast.open("wb") as stream:
        count = max(0, shutil.disk_usage(folder).free - left)
        os.posix_fallocate(stream.fileno(), 0, max(1, count))
    try:
        yield
    finally:
        ballast.unlink()


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Make a file system read-only."""
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(folder)], check=True, capture_output=True)


def fill_disk(plain: Undisturbed, folder: Path, tally: Tally) -> None:
    """Fill the disk at a random point of every stage's writing."""
    _break_disk(plain, folder, tally, "full disk")


def forbid_writing(plain: Undisturbed, folder: Path, tally: Tally) -> None:
    """Make the disk read-only before every stage."""
    _break_disk(plain, folder, tally, "read-only disk")


def _break_disk(plain: Undisturbed, folder: Path, tally: Tally, how: str) -> None:
    """Run every stage of the first night on a broken disk, then on a sound one."""
    draw, day = random.Random(SEED), DAYS[0]
    with mounted(folder) as place:
        # The commands' own output must not need the broken disk.
        home = Home(place, plain.shop, logs=folder.with_name(f"{folder.name}-logs"))
        try:
            home.bring(day)
            for stage in list_nightly_names():
                with tally.fault():
                    what = f"{how}, {stage}"
                    before = shutil.disk_usage(place).used
                    pointer = home.read_pointer()
                    # Less than what the stage needs: a share of its tables' size.
                    size = _size_of(plain, stage, day)
                    break_it = (
                        full(place, draw.randrange(0, max(1, size)))
                        if how == "full disk"
                        else read_only(place)
                    )
                    stop_embedded(home.settings)
                    with break_it:
                        ended = home.run_stage(stage, day)
                    if not ended.status and how == "read-only disk":
                        tally.note("false_messages", f"{what}: it succeeded")
                    check_message(ended, home.read_pointer() != pointer, what, tally)
                    finish_stage(home, stage, day, what, tally)
                    tally.counts["mib_written"] += (shutil.disk_usage(place).used - before) >> 20
            with _blame(tally):
                check_night(home, plain, day, how, tally)
        finally:
            home.close()


def _size_of(plain: Undisturbed, stage: str, day: date) -> int:
    """Return the bytes of the tables that a stage writes."""
    lake = plain.home.folder / "var" / "lake"
    return sum(
        file.stat().st_size
        for table in get_stage(stage).writes
        for file in (lake / table).rglob("*")
        if file.is_file() and str(day) in file.as_posix()
    )


def run_twice_at_once(plain: Undisturbed, folder: Path, tally: Tally) -> None:
    """Run two whole nights of one date at the same time, then the same night once more."""
    home, day = Home(folder, plain.shop), DAYS[0]
    try:
        home.bring(day)
        with tally.fault():
            running = [home.server.start("night", "--date", str(day)) for _ in range(2)]
            ended = [home.server.wait(one) for one in running]
            for one in ended:
                check_message(one, False, "two nights at once", tally)
            if all(one.status for one in ended):
                tally.note("reruns_failed", f"two nights at once, both failed: {ended[0].output[-600:]}")
            if any(one.status for one in ended):
                again = home.run_night(day)
                if again.status:
                    tally.note("reruns_failed", f"after two nights at once: {again.output[-600:]}")
            check_night(home, plain, day, "two nights at once", tally)
        with tally.fault():
            pointer = home.read_pointer()
            again = home.run_night(day)
            if again.status or home.read_pointer() != pointer:
                tally.note("rows_lost", f"the same night again: {again.output[-300:]}, {home.read_pointer()}")
            check_night(home, plain, day, "the same night again", tally)
    finally:
        home.close()


def skip_and_return(plain: Undisturbed, folder: Path, tally: Tally) -> None:
    """Run a later night first, the one before it afterwards, and both again; the later one stays current."""
    home = Home(folder, plain.shop)
    try:
        home.bring(DAYS[2])
        first = {}
        for number, day in enumerate((DAYS[0], DAYS[2], DAYS[1], DAYS[2], DAYS[1])):
            with tally.fault():
                ended = home.run_night(day)
                what = f"night {day} as number {number}"
                if ended.status:
                    tally.note("reruns_failed", f"{what}: {ended.output[-600:]}")
                check_message(ended, False, what, tally)
                pointer = home.read_pointer()
                if pointer is None or pointer[1] != (DAYS[0] if number == 0 else DAYS[2]):
                    tally.note("rows_lost", f"{what}: current is {pointer}")
                found = home.digests(day)
                if number < 3:
                    first[day] = found
                elif (
                    day == DAYS[1]
                    and found["raw/events/logical_date=" + str(day)]
                    != first[day]["raw/events/logical_date=" + str(day)]
                ):
                    tally.note("rows_lost", f"{what}: lands other rows than at first")
    finally:
        home.close()


def damage_files(plain: Undisturbed, folder: Path, tally: Tally) -> None:
    """Flip bytes of files chosen at random: `verify` names each, none is published, repair mends it."""
    draw, home = random.Random(SEED), Home(folder, plain.shop)
    try:
        _copy_night(plain, home)
        lake = home.folder / "var" / "lake"
        files = sorted(
            file
            for file in lake.rglob("logical_date=*/**/*")
            if file.is_file()
            and file.stat().st_size
            and not {"docs", "report", ".locks", ".cache"} & set(file.relative_to(lake).parts)
        )
        publish = home.run_stage("publish", DAYS[1])
        if publish.status:
            tally.note("reruns_failed", f"publish: {publish.output[-300:]}")
        pointer = home.read_pointer()
        for number in range(max(5, KILLS // 5)):
            with tally.fault():
                file = draw.choice(files)
                what = f"flipped bytes of {file.relative_to(lake)}"
                sound = file.read_bytes()
                file.write_bytes(_flip(sound, draw))
                found = home.server.run("verify")
                check_message(found, False, what, tally, has_error_line=False)
                table = file.relative_to(lake).as_posix().split("/logical_date=")[0]
                if found.status != 1 or table not in found.output:
                    tally.note("damage_unnoticed", f"{what}: {found.output[-300:]}")
                if table.startswith(("lists", "marts/dim_item")):
                    ended = home.run_stage("publish", DAYS[1] if str(DAYS[1]) in str(file) else DAYS[0])
                    check_message(ended, False, what, tally)
                    if not ended.status or home.read_pointer() != pointer:
                        tally.note("rows_lost", f"{what}: it was published")
                if number % 5 == 0:
                    mended = home.server.run("verify", "--repair")
                    if mended.status:
                        tally.note("not_repaired", f"{what}: {mended.output[-400:]}")
                    for day in DAYS[:2]:
                        check_night(home, plain, day, f"{what}, repaired", tally)
                if number % 5 or file.read_bytes() != sound:
                    file.write_bytes(sound)
    finally:
        home.close()


def _flip(content: bytes, draw: random.Random) -> bytes:
    """Return the bytes with one to forty of them changed."""
    changed = bytearray(content)
    for place in draw.sample(range(len(changed)), min(len(changed), draw.randint(1, 40))):
        changed[place] ^= draw.randint(1, 255)
    return bytes(changed)


def run_edges(plain: Undisturbed, folder: Path, tally: Tally) -> None:
    """Run nights of odd shops: one phone, no events, nobody consents, only questions."""

    def keep_one_phone(landing: Path) -> None:
        for number, file in enumerate(sorted((landing / "catalog").glob("*.jsonl"))):
            file.write_text(file.read_text().splitlines(keepends=True)[0] if number == 0 else "")

    def drop_events(landing: Path) -> None:
        for file in (landing / "events").glob("*.parquet"):
            pq.write_table(pq.read_table(file).slice(0, 0), file)

    def refuse_consent(landing: Path) -> None:
        for file in (landing / "users").glob("*.csv"):
            file.write_text(file.read_text().replace(",true", ",false"))

    def keep_only_questions(landing: Path) -> None:
        shutil.rmtree(landing / "events")

    edges: dict[str, tuple[Callable[[Path], None], str, bool]] = {
        "one phone": (keep_one_phone, "", False),
        "no events": (drop_events, "", False),
        "nobody consents": (refuse_consent, "", True),
        "only questions": (keep_only_questions, '[sources.events]\nneeded = "never"\n', False),
    }
    for name, (change, settings, must_succeed) in edges.items():
        with tally.fault():
            home = Home(folder / name.replace(" ", "-"), plain.shop, settings)
            try:
                home.bring(DAYS[0])
                change(home.folder / "var" / "landing")
                ended = home.run_night(DAYS[0])
                check_message(ended, False, name, tally)
                if ended.status and must_succeed:
                    tally.note("reruns_failed", f"{name}: {ended.output[-600:]}")
                if not ended.status and not home.read_content()[0]:
                    tally.note("rows_lost", f"{name}: nothing is published")
                print(f"  {name}: {ended.output.strip().splitlines()[-1][:400]}", file=sys.stderr)
                # With sound input the same night goes on as if nothing had been.
                shutil.rmtree(home.folder / "var" / "landing")
                home.file.write_text(SHORT_TRAINING)
                home.bring(DAYS[0])
                again = home.run_night(DAYS[0])
                if again.status:
                    tally.note("reruns_failed", f"{name}, sound input: {again.output[-600:]}")
                else:
                    check_night(home, plain, DAYS[0], f"{name}, sound input", tally)
            finally:
                home.close()


def leave_a_gap(plain: Undisturbed, folder: Path, tally: Tally) -> None:
    """Run no night for days; then one for all that arrived, undisturbed and with a kill in each stage."""
    days = [DAYS[0] + timedelta(days=number) for number in range(GAP_DAYS + 1)]
    shop = make_inputs(folder / "shop", days, "XS")
    draw = random.Random(SEED)
    homes = [Home(folder / name, shop) for name in ("once", "killed")]
    try:
        for home in homes:
            with tally.fault():
                for day in (days[0], days[-1]):
                    home.bring(day)
                    if home is homes[1] and day == days[-1]:
                        for stage in list_nightly_names():
                            after = draw.uniform(0, plain.seconds[DAYS[1]][stage])
                            what = f"{stage} after a gap, killed after {after:.2f} s"
                            _kill_one(home, stage, day, after, draw.random() < 0.5, what, tally)
                            finish_stage(home, stage, day, what, tally)
                    ended = home.run_night(day)
                    if ended.status:
                        tally.note("reruns_failed", f"night {day}, gap: {ended.output[-600:]}")
                    check_message(ended, False, f"night {day}, gap", tally)
                pointer = home.read_pointer()
                if pointer is None or pointer[1] != days[-1]:
                    tally.note("rows_lost", f"after a gap, current is {pointer}")
                arrived, landed = _count_events(shop / str(days[-1])), _count_landed(home)
                if arrived != landed:
                    tally.note("rows_lost", f"after a gap: {arrived} events arrived, {landed} landed")
        with tally.fault():
            one, other = (home.digests(days[-1]) for home in homes)
            differs = [table for table in one if one[table] != other.get(table)]
            if differs or not one:
                tally.note("rows_lost", f"after a gap, killed: {differs or 'no tables'}")
    finally:
        for home in homes:
            home.close()


def _count_events(arrived: Path) -> int:
    """Return the rows of the files of events that have arrived."""
    return sum(pq.read_metadata(file).num_rows for file in (arrived / "landing" / "events").glob("*.parquet"))


def _count_landed(home: Home) -> int:
    """Return the rows of all nights' landed events."""
    landed = (home.folder / "var" / "lake" / "raw" / "events").rglob("*.parquet")
    return sum(pq.read_metadata(file).num_rows for file in landed)


def turn_the_clock(plain: Undisturbed, folder: Path, tally: Tally) -> None:
    """Run nights while clocks are put forward and back, and set the clock itself back an hour between stages.

    Needs a C compiler; where there is none the kind is left out, in words.
    """
    for name, moment in CLOCKS.items():
        clock = ShiftedClock(folder / name / "clock")
        if not clock.is_available:
            print(
                "  left out: install a C compiler, so that processes can see another clock", file=sys.stderr
            )
            return
        clock.move_to(moment)
        home = Home(folder / name, plain.shop, environment={"TZ": "Europe/Berlin", **clock.environment})
        try:
            for day in DAYS[:2]:
                home.bring(day)
                # The hour that is put forward or back falls into the first stages of the first night.
                for number, stage in enumerate(list_nightly_names()):
                    with tally.fault():
                        what = f"{stage} of {day}, clock: {name}"
                        if name == "set-back" and number:
                            clock.move(timedelta(hours=-1))
                        ended = home.run_stage(stage, day)
                        if ended.status:
                            tally.note("reruns_failed", f"{what}: {ended.output[-600:]}")
                        check_message(ended, False, what, tally)
                with _blame(tally):
                    check_night(home, plain, day, f"night {day}, clock: {name}", tally)
                    if home.read_content() not in plain.contents:
                        tally.note("rows_lost", f"night {day}, clock: {name}: other lists are published")
                    pointer = home.read_pointer()
                    if pointer is None or pointer[1] != day:
                        tally.note("rows_lost", f"night {day}, clock: {name}: current is {pointer}")
        finally:
            home.close()


KINDS_OF_FAULTS: dict[str, Callable[[Undisturbed, Path, Tally], None]] = {
    "kills": kill_at_random,
    "database": kill_database,
    "full-disk": fill_disk,
    "read-only-disk": forbid_writing,
    "at-once": run_twice_at_once,
    "order": skip_and_return,
    "damage": damage_files,
    "edges": run_edges,
    "gap": leave_a_gap,
    "clock": turn_the_clock,
    "airflow": kill_under_airflow,
}

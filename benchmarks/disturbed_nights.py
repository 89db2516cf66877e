"""Homes in which nights are disturbed, what readers see, and the comparison with undisturbed nights."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.demo_shops import LAST_DAY, use_settings
from benchmarks.same_bytes import SHORT_TRAINING, deliver, describe_difference, digest_tables
from benchmarks.stage_server import Ended, StageServer
from handpick.errors import HandpickError
from handpick.pipeline.registry import list_nightly_names
from handpick.serving.connection import connect
from handpick.serving.embedded import stop_embedded
from handpick.serving.versions import list_versions
from handpick.settings.load import Settings, load

DAYS = tuple(LAST_DAY + timedelta(days=number) for number in range(3))
CONTENT = (
    "select count(*), count(distinct user_id), coalesce(sum(hashtext(user_id || rank || item_id || "
    "reason)::bigint), 0), count(distinct list_version) from serving.recommendations"
)
UNTOUCHED = (
    "pointer was not moved",
    "lists published before stay current",
    "published lists are unchanged",
    "changed no published list",
)
"""Claims of messages that are false if the pointer has moved."""


@dataclass
class Tally:
    """What happened to the faults of one kind."""

    injected: int = 0
    survived: int = 0
    problems: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def note(self, what: str, problem: str) -> None:
        """Count a problem under a name, and keep its description."""
        self.counts[what] += 1
        self.problems.append(f"{what}: {problem}")
        print(f"  {what}: {problem}", file=sys.stderr)

    @contextmanager
    def fault(self) -> Iterator[None]:
        """Count a fault, and that it was survived if no problem was noted in the block."""
        self.injected += 1
        before = len(self.problems)
        yield
        self.survived += len(self.problems) == before


class Home:
    """A folder with settings, in which nights run, and the server that runs their commands.

    Args:
        folder: Made if missing.
        shop: The inputs by day.
        settings: Further lines of `handpick.toml`.
        logs: Folder for the commands' output; `folder/logs` if not given.
        environment: Of the commands, in addition to this process's.
    """

    def __init__(
        self,
        folder: Path,
        shop: Path,
        settings: str = "",
        logs: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.shop = folder, shop
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / "handpick.toml"
        self.file.write_text(SHORT_TRAINING + settings)
        self.server = StageServer(
            logs or folder / "logs", {"HANDPICK_CONFIG": str(self.file), **(environment or {})}
        )

    @property
    def settings(self) -> Settings:
        """The settings, as the commands read them."""
        with use_settings(self.file):
            return load()

    def close(self) -> None:
        """Stop the server of commands and the database, and remove the folder."""
        self.server.__exit__(None, None, None)
        stop_embedded(self.settings)
        if not os.environ.get("KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)

    def bring(self, day: date) -> None:
        """Let the input of a day arrive, with all that came before."""
        deliver(self.shop / day.isoformat(), self.folder / "var")

    def run_stage(self, stage: str, day: date, **options: Any) -> Ended:
        """Run a stage's command, or kill it."""
        return self.server.run(stage.replace("_", "-"), "--date", day.isoformat(), **options)

    def run_night(self, day: date, **options: Any) -> Ended:
        """Run `handpick night`, or kill it."""
        return self.server.run("night", "--date", day.isoformat(), **options)

    def read_pointer(self) -> tuple[int, date] | None:
        """Return the current version and its night, None if there is none."""
        try:
            current = [one for one in list_versions(self.settings) if one.is_current]
        except HandpickError:
            return None
        return (current[0].version, current[0].logical_date) if current else None

    def read_content(self) -> tuple[Any, ...]:
        """Return counts and a hash of the current lists."""
        with connect(self.settings, reader=True) as connection:
            (row,) = connection.execute(CONTENT).fetchall()
        return tuple(row)

    def digests(self, day: date) -> dict[str, dict[str, str]]:
        """Return the digests of all tables of a night, as far as stages wrote them."""
        tables = digest_tables(self.folder / "var")
        return {table: files for table, files in tables.items() if table.endswith(day.isoformat())}


@dataclass(frozen=True)
class Undisturbed:
    """Two nights that nothing disturbed.

    Args:
        home: Where they ran.
        shop: The inputs by day.
        digests: Of all tables, by day.
        seconds: Of each stage, by day.
        contents: What readers may see.
    """

    home: Home
    shop: Path
    digests: dict[date, dict[str, dict[str, str]]]
    seconds: dict[date, dict[str, float]]
    contents: set[tuple[Any, ...]]


def run_undisturbed(folder: Path, shop: Path) -> Undisturbed:
    """Run two nights, stage by stage.

    Raises:
        RuntimeError: If one fails.
    """
    home = Home(folder, shop)
    seconds: dict[date, dict[str, float]] = {}
    contents, digests = set(), {}
    for day in DAYS[:2]:
        home.bring(day)
        seconds[day] = {}
        for stage in list_nightly_names():
            ended = home.run_stage(stage, day)
            if ended.status:
                raise RuntimeError(f"{stage} of {day}: {ended.output[-3000:]}")
            seconds[day][stage] = ended.seconds
        digests[day] = home.digests(day)
        contents.add(home.read_content())
    return Undisturbed(home, shop, digests, seconds, contents)


class Reader(threading.Thread):
    """Reads the lists all the time, as a consumer; collects what is not one complete version."""

    def __init__(self, home: Home, allowed: set[tuple[Any, ...]]) -> None:
        super().__init__(daemon=True)
        self._home, self._allowed = home, allowed
        self.wrong: list[Any] = []
        self.reads = 0
        self._is_over = threading.Event()

    def run(self) -> None:
        """Read until `finish` is called; while the server is down or empty there is nothing to read."""
        while not self._is_over.wait(0.1):
            pid = self._home.folder / "var" / "postgres" / "postmaster.pid"
            if not pid.is_file():
                continue
            try:
                row = self._home.read_content()
            except Exception:
                continue
            self.reads += 1
            if row[0] and row not in self._allowed:
                self.wrong.append(row)

    def finish(self, tally: Tally) -> None:
        """Stop reading and note what was wrong."""
        self._is_over.set()
        self.join()
        for row in self.wrong:
            tally.note("mixed_reads", str(row))


def check_message(ended: Ended, moved: bool, what: str, tally: Tally, *, has_error_line: bool = True) -> None:
    """Note what is wrong with the message of a command that failed: a traceback, or a false claim.

    Args:
        ended: The command.
        moved: Whether the pointer moved while it ran.
        what: Of the fault, for the description.
        tally: Counts it.
        has_error_line: Whether the command says in its last line what to do if it fails.
    """
    if ended.was_killed:
        return
    if "Traceback (most recent call last)" in ended.output:
        tally.note("tracebacks", f"{what}: {ended.output[-600:]}")
    last = ended.output.strip().splitlines()[-1] if ended.output.strip() else ""
    if ended.status and has_error_line and not last.startswith("handpick: "):
        tally.note("false_messages", f"{what}: no line says what to do: {last[-300:]}")
    if moved and any(claim in ended.output for claim in UNTOUCHED):
        tally.note("false_messages", f"{what}: the pointer moved, but: {last[-300:]}")


def check_night(home: Home, plain: Undisturbed, day: date, what: str, tally: Tally) -> None:
    """Note whether the tables of a night differ from the undisturbed ones."""
    expected, found = plain.digests[day], home.digests(day)
    for table in {*expected, *found}:
        if expected.get(table) != found.get(table):
            where = describe_difference(plain.home.folder / "var", home.folder / "var", table)
            tally.note("rows_lost", f"{what}: {where}")
            return


def finish_stage(home: Home, stage: str, day: date, what: str, tally: Tally) -> None:
    """Run a stage to its end after a fault; note it if it fails."""
    ended = home.run_stage(stage, day)
    if ended.status:
        tally.note("reruns_failed", f"{what}: {ended.output[-600:]}")

"""One run's context: the settings, the logical date and the lake that every stage receives."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from handpick.errors import DamagedData, InputError, MissingPartition
from handpick.lake.locks import hold_lock
from handpick.lake.partitions import Lake
from handpick.ledger.flows import StageResult
from handpick.pipeline.registry import get_stage, list_nightly_names
from handpick.settings.load import Settings

LEDGER_FOLDER = "ledger"
"""Folder of the lake in which the results of stages are kept, a file per stage and night."""
FAILURES_FOLDER = ".failures"
"""Folder of the lake, hidden from its tables, in which stages leave why they failed."""
DEMO_SHOP_NAME = "Demo Phones (simulated)"
"""Name of the demo shop on reports and pages."""


@dataclass(frozen=True)
class Night:
    """One logical date's run.

    `as_of` is the end of the logical date: midnight UTC after it. Nothing at or after it is known.
    """

    settings: Settings
    logical_date: date
    lake: Lake = field(init=False)

    def __post_init__(self) -> None:
        lake = self.settings.lake
        object.__setattr__(self, "lake", Lake(self.settings.path(lake.root), lake.lock_timeout_s))

    @property
    def as_of(self) -> datetime:
        """The first moment that is not known: midnight UTC after the logical date."""
        return datetime.combine(self.logical_date + timedelta(days=1), datetime.min.time(), UTC)

    @property
    def seed(self) -> int:
        """The configured seed."""
        return self.settings.seed

    @contextmanager
    def lock(self, purpose: str, name: str = "night") -> Iterator[None]:
        """Hold this night's lock inside the block, so that no other process runs a stage of it.

        Args:
            purpose: What the night is locked for, as others who wait will read it.
            name: Of the lock; stages outside of nights have one of their own.

        Raises:
            Busy: If another process holds it for longer than `lake.lock_timeout_s`; says which one.
        """
        name = f"{name}-{self.logical_date.isoformat()}"
        with hold_lock(self.lake.root, name, purpose, self.lake.lock_timeout_s):
            yield

    @property
    def is_demo(self) -> bool:
        """Whether any row of this night, or of one before it, came from a demo shop."""
        return self.has_result("land") and bool(self.result("land").notes.get("is_demo"))

    @property
    def shop_name(self) -> str:
        """The shop's name; a demo shop has its own, whatever the configured shop is called."""
        return DEMO_SHOP_NAME if self.is_demo else self.settings.shop.name

    def result_file(self, stage: str) -> Path:
        """Return where a stage's result is kept."""
        return self.lake.partition(LEDGER_FOLDER, self.logical_date) / f"{stage}.json"

    def failure_file(self, stage: str) -> Path:
        """Return where it is kept why a stage failed last, until it succeeds."""
        return self.lake.root / FAILURES_FOLDER / self.logical_date.isoformat() / f"{stage}.json"

    def has_result(self, stage: str) -> bool:
        """Return whether a stage has finished for this logical date."""
        return self._found(stage) is not None

    def result(self, stage: str) -> StageResult:
        """Return what an earlier stage did tonight.

        Raises:
            MissingPartition: If it has not run for this logical date.
            DamagedData: If its file is not what was written.
        """
        file = self._found(stage)
        command = f"handpick {get_stage(stage).command} --date {self.logical_date}"
        if file is None:
            raise MissingPartition(f"{stage} has not run for {self.logical_date}: run `{command}` first.")
        try:
            return replace(StageResult.from_json(file.read_text()), stage=stage)
        except (ValueError, KeyError, TypeError):
            raise DamagedData(
                f"{file} is damaged: it is not the result that {stage} wrote. Nothing was made from it; "
                f"`{command}` writes it again, or `handpick verify --date {self.logical_date} --repair`."
            ) from None

    def results(self) -> list[StageResult]:
        """Return the results of all nightly stages that have run tonight, in the night's order."""
        return [self.result(stage) for stage in list_nightly_names() if self.has_result(stage)]

    def _found(self, stage: str) -> Path | None:
        """Return the file of a stage's result, also where it was written under the stage's former name."""
        former = get_stage(stage).former_name
        files = [self.result_file(name) for name in (stage, former) if name]
        return next((file for file in files if file.is_file()), None)


def list_nights(settings: Settings) -> list[date]:
    """Return the logical dates for which any stage has run, oldest first."""
    lake = Lake(settings.path(settings.lake.root))
    return lake.list_dates(LEDGER_FOLDER)


def require_night(settings: Settings, logical_date: date) -> Night:
    """Return a night that has run, at least in part.

    Raises:
        InputError: If no stage has run for that date; names the nights that there are.
    """
    night = Night(settings, logical_date)
    if night.results():
        return night
    days = [day.isoformat() for day in list_nights(settings)]
    if not days:
        there_are = (
            f"no night has run yet in {settings.path(settings.lake.root)}; `handpick run` runs the first"
        )
    elif len(days) == 1:
        there_are = f"the only night is {days[0]}"
    else:
        there_are = f"the newest nights are {', '.join(days[-3:])}, the first is {days[0]}"
    raise InputError(f"there is no night of {logical_date}: no stage has run for that date; {there_are}.")

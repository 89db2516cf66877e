"""One night: the settings, the logical date and the lake that every stage receives, and the running of stages."""

from __future__ import annotations

import importlib
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from handpick.config import Settings
from handpick.errors import MissingPartition
from handpick.lake import Lake
from handpick.ledger import StageResult
from handpick.log import say
from handpick.room import room_for

STAGES: dict[str, str] = {
    "land": "Copy what arrived into the lake, row for row, as text",
    "validate": "Check every row against the contracts; quarantine what breaks them",
    "transform": "Clean, normalize and sessionize on Spark",
    "model": "Build and test the warehouse with dbt",
    "embed": "Encode what changed: text, pictures, voice",
    "features": "Point-in-time training rows and online features with Feast",
    "train": "Train the fusion model and the collaborative family",
    "evaluate": "Measure every member on the held-out window, by slice",
    "gate": "Champion against challenger: who scores tonight",
    "score": "Exact top-N with rules, diversity and reasons",
    "publish": "Load a new list version and move the pointer",
    "report": "Write the night's report",
}
"""The stages in their order, with what each does; a stage lives in `handpick.<stage>` as `run(night)`."""

LIBRARIES: dict[str, tuple[str, ...]] = {
    "land": ("pyarrow",),
    "validate": ("pyspark.sql",),
    "transform": ("pyspark.sql",),
    "model": ("dbt.cli.main", "duckdb"),
    "embed": ("torch", "transformers"),
    "features": ("handpick.features.feast_loading",),
    "train": ("torch", "implicit"),
    "evaluate": ("torch", "implicit"),
    "gate": ("torch",),
    "score": ("torch",),
    "publish": ("psycopg", "pyarrow"),
    "report": ("matplotlib", "jinja2"),
}
"""Heavy libraries of each stage, loaded before its body so that loading is told apart from work."""


@dataclass(frozen=True)
class Night:
    """One logical date's run.

    `as_of` is the end of the logical date: midnight UTC after it. Nothing at or after it is known.
    """

    settings: Settings
    logical_date: date
    lake: Lake = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "lake", Lake(self.settings.path(self.settings.lake.root)))

    @property
    def as_of(self) -> datetime:
        """The first moment that is not known: midnight UTC after the logical date."""
        return datetime.combine(self.logical_date + timedelta(days=1), datetime.min.time(), UTC)

    @property
    def seed(self) -> int:
        """The configured seed."""
        return self.settings.seed

    def result_file(self, stage: str) -> Path:
        """Where a stage's result is kept."""
        return self.lake.root / "ledger" / f"logical_date={self.logical_date.isoformat()}" / f"{stage}.json"

    def result(self, stage: str) -> StageResult:
        """What an earlier stage did tonight.

        Raises:
            MissingPartition: If it has not run for this logical date.
        """
        file = self.result_file(stage)
        if not file.is_file():
            raise MissingPartition(
                f"{stage} has not run for {self.logical_date}: run `handpick {stage} --date {self.logical_date}` first."
            )
        return StageResult.from_json(file.read_text())

    def results(self) -> list[StageResult]:
        """Results of all stages that have run tonight, in the night's order."""
        return [self.result(stage) for stage in STAGES if self.result_file(stage).is_file()]


def peak_mib() -> int:
    """Peak resident memory of this process and of its largest child so far, in MiB."""
    own, children = (
        resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return int((own + children) / 1024)


def _tell_lineage(result: StageResult, night: Night) -> None:
    """Send the stage's OpenLineage event; an endpoint that does not take it is no reason to stop a night."""
    from handpick.lineage.events import emit

    settings = night.settings
    try:
        emit(result, settings.lineage, settings.home, datetime.now(UTC))
    except Exception as error:  # whatever the transport raises
        reason = " ".join(str(error).split())
        say(
            f"  lineage: the event of {result.stage} was not taken ({reason}); see [lineage]. The night goes on."
        )


def _keep(result: StageResult, file: Path) -> None:
    """Write a stage's result, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    staged = file.with_suffix(".tmp")
    staged.write_text(result.to_json())
    staged.replace(file)


def run_stage(stage: str, night: Night) -> StageResult:
    """Run one stage, time it, keep its result in the ledger, which must balance, and say what it did."""
    from handpick.quarantine.balance import settle

    say(f"{stage} {night.logical_date}: {STAGES[stage]}")
    started = time.perf_counter()
    for library in LIBRARIES[stage]:
        importlib.import_module(library)
    body: Callable[[Night], StageResult] = importlib.import_module(f"handpick.{stage}").run
    loaded = time.perf_counter()
    with room_for(f"{stage} of {night.logical_date}", f"handpick {stage} --date {night.logical_date}"):
        result = body(night)
        measured = {"loading_seconds": round(loaded - started, 3), "peak_mib": peak_mib()}
        seconds = round(time.perf_counter() - loaded, 3)
        result = replace(result, seconds=seconds, notes={**result.notes, **measured})
        _keep(result, night.result_file(stage))
    settle(night, stage)
    _tell_lineage(result, night)
    for flow in result.flows:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in flow.dropped.items())
        say(
            f"  {flow.source}: {flow.rows_in:,} in, {flow.rows_out:,} out"
            + (f", dropped {reasons}" if reasons else "")
        )
    say(f"{stage} done in {result.seconds:.1f} s: {result.where}")
    return result

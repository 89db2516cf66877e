"""The dry run of `handpick check`: lands and validates a night's inputs without writing to the lake."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from handpick.contracts import CONTRACTS
from handpick.errors import HandpickError, InputError, NightStopped
from handpick.lake.partitions import PARTITION_PREFIX, Lake
from handpick.ledger.flows import Flow
from handpick.night import Night
from handpick.quarantine.released_files import get_released_folder

Level = Literal["fine", "warning", "stop"]


@dataclass(frozen=True)
class Finding:
    """One fact about the inputs, and whether it would stop the night."""

    level: Level
    text: str


def check_inputs(night: Night) -> list[Finding]:
    """Land and validate a night in a temporary lake, and explain every problem, the most severe last."""
    with _temporary_lake(night) as trial:
        broken = [finding for source in CONTRACTS for finding in find_unreadable(trial, source)]
        findings = broken or _validate(trial)
    order = {"fine": 0, "warning": 1, "stop": 2}
    return sorted([*_repeat_questions(night), *findings], key=lambda finding: order[finding.level])


def _repeat_questions(night: Night) -> Iterator[Finding]:
    """Yield the questions of `handpick init` that were not answered."""
    for source in CONTRACTS:
        for question in night.settings.sources.of(source).questions:
            yield Finding(
                "warning",
                f"{source}: open question: {question}. Answer it in sources.{source}, then delete it from "
                "`questions`.",
            )


def find_unreadable(night: Night, source: str) -> Iterator[Finding]:
    """Yield a finding for every file of a source that cannot be read, not only for the first."""
    from handpick.stages.land.public import list_pending_files, read_pending_file

    try:
        pending = list_pending_files(night, source)
    except InputError as error:
        yield Finding("stop", str(error))
        return
    for file in pending:
        try:
            read_pending_file(file, CONTRACTS[source], night.settings.sources.of(source), night)
        except InputError as error:
            yield Finding("stop", str(error))


@contextmanager
def _temporary_lake(night: Night) -> Iterator[Night]:
    """Yield the night over a temporary lake that links to the raw and valid rows of earlier nights."""
    with tempfile.TemporaryDirectory(prefix="handpick-check-") as folder:
        root = Path(folder)
        for source in CONTRACTS:
            for table in (f"raw/{source}", f"valid/{source}"):
                (root / table).mkdir(parents=True)
                for day in night.lake.list_dates(table):
                    if day < night.logical_date:
                        (root / table / f"{PARTITION_PREFIX}{day}").symlink_to(
                            night.lake.partition(table, day)
                        )
        released = get_released_folder(night.lake)
        if released.is_dir():
            get_released_folder(Lake(root)).symlink_to(released)
        lake = night.settings.lake.model_copy(update={"root": root})
        yield Night(night.settings.model_copy(update={"lake": lake}), night.logical_date)


def _validate(night: Night) -> list[Finding]:
    """Land and validate a night whose files can all be read, and return the findings."""
    from handpick.lake.partitions import count_rows
    from handpick.runtime.dataframes import start_engine
    from handpick.stages.land.public import run as land
    from handpick.stages.validate.source_validation import list_raw_partitions, validate_source
    from handpick.stages.validate.thresholds import check_thresholds

    findings: list[Finding] = []
    try:
        landing = land(night)
    except HandpickError as error:
        return [Finding("stop", str(error))]
    findings += [Finding("warning", doubt) for doubt in landing.notes["doubts"]]
    for source, columns in landing.notes["unknown_columns"].items():
        findings.append(
            Finding("warning", f"{source}: unknown columns are kept in _extra: {', '.join(columns)}")
        )
    with start_engine(night.settings, count_rows(*list_raw_partitions(night))) as engine:
        outcomes = [validate_source(engine, night, contract) for contract in CONTRACTS.values()]
    for outcome in outcomes:
        flow = outcome.flow
        findings.append(
            Finding("fine", f"{flow.source}: {flow.rows_out:,} of {flow.rows_in:,} rows keep the contract")
        )
        findings += [Finding("warning", line) for line in _explain_reasons(night, flow)]
        findings += [
            Finding(
                "warning", f"{flow.source}: {_format_rows(count)} would be kept without a value: {reason}"
            )
            for reason, count in outcome.emptied.items()
        ]
        try:
            findings += [Finding("warning", line) for line in check_thresholds(night, flow)]
        except NightStopped as error:
            # The temporary lake is deleted after the check: its path would lead nowhere.
            findings.append(Finding("stop", str(error).replace(str(night.lake.root), "the lake's folder")))
        except HandpickError as error:
            findings.append(Finding("stop", str(error)))
    return findings


def _explain_reasons(night: Night, flow: Flow) -> Iterator[str]:
    """Yield each reason for which rows would be quarantined, with the first such row."""
    rows = night.lake.read(f"quarantine/{flow.source}", night.logical_date).to_pylist()
    for reason, count in sorted(flow.dropped.items(), key=lambda pair: -pair[1]):
        first = next(row for row in rows if row["_rules"][0] == reason)
        value = next(entry.get("value") for entry in json.loads(first["_values"]) if entry["rule"] == reason)
        shown = f", {value!r}" if value is not None else ""
        where = f"{first['_source_file']}:{first['_source_line']}"
        yield f"{flow.source}: {_format_rows(count)} would be quarantined: {reason} (first in {where}{shown})"


def _format_rows(count: int) -> str:
    """Format a number of rows."""
    return "1 row" if count == 1 else f"{count:,} rows"

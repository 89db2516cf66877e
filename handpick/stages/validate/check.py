"""What a night would say of its inputs, without running it: nothing is written to the lake."""

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
from handpick.lake.partitions import PREFIX
from handpick.ledger.flows import Flow
from handpick.night import Night

Level = Literal["fine", "warning", "stop"]


@dataclass(frozen=True)
class Finding:
    """One thing to know about the inputs, and whether it would stop the night."""

    level: Level
    text: str


def check_inputs(night: Night) -> list[Finding]:
    """Land and validate a night beside the lake, and explain what is wrong in the owner's terms, worst last."""
    with _beside(night) as trial:
        broken = [finding for source in CONTRACTS for finding in _unreadable(trial, source)]
        return broken or _judged(trial)


def _unreadable(night: Night, source: str) -> Iterator[Finding]:
    """Every file of a source that cannot be read, not only the first."""
    from handpick.stages.land.adapters import read
    from handpick.stages.land.pending_files import arrivals

    try:
        waiting = arrivals(night, source)
    except InputError as error:
        yield Finding("stop", str(error))
        return
    for arrival in waiting:
        try:
            read(arrival, CONTRACTS[source], night.settings.sources.of(source), night)
        except InputError as error:
            yield Finding("stop", str(error))


@contextmanager
def _beside(night: Night) -> Iterator[Night]:
    """The same night over a throw-away lake that shows the earlier nights' rows."""
    with tempfile.TemporaryDirectory(prefix="handpick-check-") as folder:
        root = Path(folder)
        for source in CONTRACTS:
            for table in (f"raw/{source}", f"valid/{source}"):
                (root / table).mkdir(parents=True)
                for day in night.lake.dates(table):
                    if day < night.logical_date:
                        (root / table / f"{PREFIX}{day}").symlink_to(night.lake.partition(table, day))
        released = night.lake.root / "released"
        if released.is_dir():
            (root / "released").symlink_to(released)
        lake = night.settings.lake.model_copy(update={"root": root})
        yield Night(night.settings.model_copy(update={"lake": lake}), night.logical_date)


def _judged(night: Night) -> list[Finding]:
    from handpick.lake.partitions import rows_of
    from handpick.runtime.spark import session
    from handpick.stages import land
    from handpick.stages.validate.rows import landed, validate_source
    from handpick.stages.validate.thresholds import check

    findings: list[Finding] = []
    found = land.run(night)
    for source, columns in found.notes["unknown_columns"].items():
        findings.append(Finding("warning", f"{source}: unknown columns are kept aside: {', '.join(columns)}"))
    spark = session(night.settings, rows_of(*landed(night)))
    for contract in CONTRACTS.values():
        verdict = validate_source(spark, night, contract)
        flow = verdict.flow
        findings.append(
            Finding("fine", f"{flow.source}: {flow.rows_out:,} of {flow.rows_in:,} rows keep the contract")
        )
        findings += [Finding("warning", line) for line in _explained(night, flow)]
        findings += [
            Finding("warning", f"{flow.source}: {_rows(count)} would go on without a value: {reason}")
            for reason, count in verdict.emptied.items()
        ]
        try:
            findings += [Finding("warning", line) for line in check(night, flow)]
        except NightStopped as error:
            findings.append(Finding("stop", str(error).replace(str(night.lake.root), "the lake's folder")))
        except HandpickError as error:
            findings.append(Finding("stop", str(error)))
    order = {"fine": 0, "warning": 1, "stop": 2}
    return sorted(findings, key=lambda finding: order[finding.level])


def _explained(night: Night, flow: Flow) -> Iterator[str]:
    """Each reason for which rows would be set aside, with the first row that it meets."""
    rows = night.lake.read(f"quarantine/{flow.source}", night.logical_date).to_pylist()
    for reason, count in sorted(flow.dropped.items(), key=lambda pair: -pair[1]):
        first = next(row for row in rows if row["_rules"][0] == reason)
        value = next(entry.get("value") for entry in json.loads(first["_values"]) if entry["rule"] == reason)
        shown = f", {value!r}" if value is not None else ""
        where = f"{first['_source_file']}:{first['_source_line']}"
        yield f"{flow.source}: {_rows(count)} would be set aside: {reason} (first in {where}{shown})"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"

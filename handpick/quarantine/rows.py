"""What lies in quarantine: counts by reason, and rows by source, rule, file and line."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from handpick.contracts import CONTRACTS
from handpick.errors import InputError
from handpick.lake.partitions import Lake


@dataclass(frozen=True)
class Selection:
    """Which quarantined rows of a night are meant; empty fields mean all.

    Args:
        source: One of the four sources.
        rule: A reason, as the ledger names it; a row counts under each rule that it breaks.
        file: Name of the file that it came from.
        line: Its line there.
    """

    source: str
    rule: str = ""
    file: str = ""
    line: int | None = None


def counts(lake: Lake, logical_date: date, source: str = "") -> list[tuple[str, str, int]]:
    """Rows in quarantine as (source, reason, rows), most first; a row counts once under each rule that it breaks."""
    found: list[tuple[str, str, int]] = []
    for name in [_known(source)] if source else list(CONTRACTS):
        rules = lake.read(f"quarantine/{name}", logical_date, ["_rules"]).column("_rules")
        counted = pc.value_counts(pc.list_flatten(rules)).to_pylist()
        found += [(name, entry["values"], entry["counts"]) for entry in counted]
    return sorted(found, key=lambda entry: (-entry[2], entry[0], entry[1]))


def select(lake: Lake, logical_date: date, chosen: Selection) -> pa.Table:
    """The chosen rows as they lie in quarantine, by file and line."""
    rows = lake.read(f"quarantine/{_known(chosen.source)}", logical_date)
    if chosen.rule:
        holds = pa.array([chosen.rule in rules for rules in rows.column("_rules").to_pylist()], pa.bool_())
        rows = rows.filter(holds)
    if chosen.file:
        rows = rows.filter(pc.equal(rows.column("_source_file"), chosen.file))
    if chosen.line is not None:
        rows = rows.filter(pc.equal(rows.column("_source_line"), chosen.line))
    return rows


def _known(source: str) -> str:
    if source not in CONTRACTS:
        raise InputError(f"there is no source {source!r}; the sources are {', '.join(CONTRACTS)}")
    return source

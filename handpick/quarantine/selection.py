"""Reads the quarantine: row counts by reason, and rows selected by source, rule, file and line."""

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
    """A filter on the quarantined rows of one night; an empty field selects all.

    Args:
        source: One of the four sources.
        rule: A reason as the ledger names it; matches every row that breaks it.
        file: Name of the landing file of the row (`_source_file`).
        line: Line in that file (`_source_line`).
    """

    source: str
    rule: str = ""
    file: str = ""
    line: int | None = None


def count_reasons(lake: Lake, logical_date: date, source: str = "") -> list[tuple[str, str, int]]:
    """Count quarantined rows by source and reason, most first; a row counts under each broken rule.

    Args:
        lake: The lake.
        logical_date: The night.
        source: Count this source only; empty for all sources.

    Returns:
        Tuples of source, reason and number of rows.

    Raises:
        InputError: If there is no such source.
        MissingPartition: If the night has not been validated.
    """
    found: list[tuple[str, str, int]] = []
    for name in [_check_source(source)] if source else list(CONTRACTS):
        rules = lake.read(f"quarantine/{name}", logical_date, ["_rules"]).column("_rules")
        # One entry per row and broken rule, so that a row counts under each of its rules.
        counted = pc.value_counts(pc.list_flatten(rules)).to_pylist()
        found += [(name, entry["values"], entry["counts"]) for entry in counted]
    return sorted(found, key=lambda entry: (-entry[2], entry[0], entry[1]))


def select_rows(lake: Lake, logical_date: date, chosen: Selection) -> pa.Table:
    """Return the selected rows as they are stored in quarantine.

    Raises:
        InputError: If there is no such source.
        MissingPartition: If the night has not been validated.
    """
    rows = lake.read(f"quarantine/{_check_source(chosen.source)}", logical_date)
    if chosen.rule:
        is_broken = pa.array(
            [chosen.rule in rules for rules in rows.column("_rules").to_pylist()], pa.bool_()
        )
        rows = rows.filter(is_broken)
    if chosen.file:
        rows = rows.filter(pc.equal(rows.column("_source_file"), chosen.file))
    if chosen.line is not None:
        rows = rows.filter(pc.equal(rows.column("_source_line"), chosen.line))
    return rows


def _check_source(source: str) -> str:
    """Return the name of a source, or raise an InputError that lists the sources."""
    if source not in CONTRACTS:
        raise InputError(f"there is no source {source!r}; the sources are {', '.join(CONTRACTS)}")
    return source

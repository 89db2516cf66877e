"""Reconciles the ledger with the lake: compares reported row counts with those of the partitions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import pyarrow as pa

from handpick.errors import LedgerImbalance
from handpick.lake.partitions import Lake, count_rows
from handpick.ledger.erasures import Erasure, count_erased_rows, read_erasures
from handpick.ledger.flows import Flow, StageResult
from handpick.pipeline.registry import get_stage, list_nightly_names

LEDGER_TABLE = "ledger_flows"
"""The lake table that holds the ledger."""
LEDGER_SCHEMA = pa.schema(
    [
        ("logical_date", pa.date32()),
        ("stage", pa.string()),
        ("source", pa.string()),
        ("rows_in", pa.int64()),
        ("rows_out", pa.int64()),
        ("rows_dropped", pa.int64()),
        ("reason", pa.string()),
        ("reason_rows", pa.int64()),
    ]
)

LedgerLine = tuple[str, str]
"""A ledger line's stage and source."""


def build_ledger_table(results: Iterable[StageResult]) -> pa.Table:
    """Build the ledger table, in the columns of `LEDGER_SCHEMA`: a row per stage, source and reason.

    A flow that dropped nothing has one row without a reason.
    """
    rows = []
    for result in results:
        for flow in result.flows:
            line = {
                "logical_date": result.logical_date,
                "stage": result.stage,
                "source": flow.source,
                "rows_in": flow.rows_in,
                "rows_out": flow.rows_out,
                "rows_dropped": flow.rows_dropped,
            }
            # A flow without drops still needs one row for its totals.
            reasons = [{"reason": reason, "reason_rows": count} for reason, count in flow.dropped.items()]
            rows += [{**line, **reason} for reason in reasons or [{"reason_rows": 0}]]
    return pa.Table.from_pylist(rows, schema=LEDGER_SCHEMA)


def write_ledger(results: Iterable[StageResult], lake: Lake, logical_date: date) -> None:
    """Write a night's ledger as the lake table `ledger_flows`."""
    lake.write(LEDGER_TABLE, logical_date, build_ledger_table(results))


def reconcile_ledger(results: Sequence[StageResult], lake: Lake, logical_date: date, stage: str) -> None:
    """Write the ledger as it stands after a stage, and check it against the lake.

    Args:
        results: What the stages of this logical date reported so far.
        lake: The lake.
        logical_date: The night.
        stage: The nightly stage that has just run.

    Raises:
        LedgerImbalance: If rows are missing or too many at any stage up to this one; the night stops.
    """
    write_ledger(results, lake, logical_date)
    found = find_imbalances(results, lake, logical_date, stage)
    if found:
        effect = describe_published_lists(results, stage)
        raise LedgerImbalance(
            f"the ledger of {logical_date} does not balance after {stage}: {'; '.join(found)}. "
            f"{effect[0].upper()}{effect[1:]}. Run the night again from the stage named; "
            f"`handpick ledger --date {logical_date}` shows every line."
        )


def describe_published_lists(results: Iterable[StageResult], stage: str) -> str:
    """Return what a stage that has just run has done to the published lists, as a clause.

    Only a stage that writes to the serving database can have changed them, whatever was published before and
    whoever has moved the pointer since.

    Args:
        results: What the stages of this logical date reported.
        stage: The stage.
    """
    if "serving" not in get_stage(stage).writes:
        return f"{stage} changed no published list"
    notes = next((result.notes for result in results if result.stage == stage), {})
    if "version" not in notes:
        return f"whether {stage} changed the published lists is shown by `handpick versions`"
    if notes.get("is_current"):
        return (
            f"the lists are published all the same: version {notes['version']} is current, and `handpick "
            "rollback` makes the one before it current again"
        )
    return f"version {notes['version']} was loaded, but a later night's lists stay current"


def find_imbalances(
    results: Iterable[StageResult], lake: Lake, logical_date: date, through: str | None = None
) -> list[str]:
    """Return every difference between ledger lines and the lake, or between consecutive stages, as text.

    A single ledger line balances by construction, so lines are compared with the lake and with one another.

    Args:
        results: What the stages of this logical date reported.
        lake: The lake.
        logical_date: The night.
        through: The last nightly stage to check; all by default.
    """
    stages = set(list_nightly_names(through))
    kept = [result for result in results if result.stage in stages]
    lines = {(result.stage, flow.source): flow for result in kept for flow in result.flows}
    erased = _Erased(
        lake, logical_date, {one.stage: one.partitions for one in kept}, read_erasures(lake, logical_date)
    )
    return [
        problem
        for line, flow in lines.items()
        for problem in _find_problems(lake, logical_date, line, flow, lines, erased)
    ]


@dataclass(frozen=True)
class _Erased:
    """Rows that were erased from a night's tables since its stages reported them."""

    lake: Lake
    logical_date: date
    reported: Mapping[str, Mapping[str, str]]
    entries: Mapping[str, Erasure]

    def count(self, table: str, stage: str) -> int:
        """Return how many rows a table has lost since the stage that wrote it has reported it."""
        if table not in self.entries:
            return 0
        return count_erased_rows(
            self.lake, self.logical_date, table, self.reported.get(stage, {}), self.entries
        )


def _find_problems(
    lake: Lake,
    logical_date: date,
    line: LedgerLine,
    flow: Flow,
    lines: Mapping[LedgerLine, Flow],
    erased: _Erased,
) -> Iterator[str]:
    """Yield how one ledger line differs from the line that it continues and from the lake."""
    stage, source = line
    check = get_stage(stage).find_check(source)
    if check is None:
        return
    before = lines.get(check.continues) if check.continues else None
    if check.continues and before is not None:
        earlier_stage, earlier_source = check.continues
        earlier = get_stage(earlier_stage).find_check(earlier_source)
        lost = erased.count(earlier.written, earlier_stage) if earlier and earlier.written else 0
        # The stage may have read the table before an erasure, between two, or after it.
        if not before.rows_out - lost <= flow.rows_in <= before.rows_out:
            yield (
                f"{earlier_stage} wrote {before.rows_out:,} rows of {earlier_source}, "
                f"{stage} read {flow.rows_in:,}"
            )
    for table, rows in ((check.written, flow.rows_out), (check.dropped, flow.rows_dropped)):
        if table is None:
            continue
        found = count_rows(lake.partition(table, logical_date))
        if found != rows and found + erased.count(table, stage) != rows:
            yield f"{stage} reported {rows:,} rows in {table}, but the partition has {found:,}"

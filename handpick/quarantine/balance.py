"""The ledger against the lake: what the stages said they wrote is what lies there."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.dataset as ds

from handpick.contracts import CONTRACTS
from handpick.errors import LedgerImbalance
from handpick.ledger import Flow
from handpick.night import STAGES, Night

TABLE = "ledger_flows"
SCHEMA = pa.schema(
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


def flows(night: Night) -> pa.Table:
    """The night's ledger: a row per stage, source and reason; a flow that dropped nothing has one row without reason."""
    rows = []
    for result in night.results():
        for flow in result.flows:
            line = {
                "logical_date": night.logical_date,
                "stage": result.stage,
                "source": flow.source,
                "rows_in": flow.rows_in,
                "rows_out": flow.rows_out,
                "rows_dropped": flow.rows_dropped,
            }
            reasons = [{"reason": reason, "reason_rows": count} for reason, count in flow.dropped.items()]
            rows += [{**line, **reason} for reason in reasons or [{"reason_rows": 0}]]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def keep(night: Night) -> None:
    """Write the night's ledger as the lake table `ledger_flows`."""
    night.lake.write(TABLE, night.logical_date, flows(night))


WRITTEN: dict[tuple[str, str], str] = {
    **{("land", source): f"raw/{source}" for source in CONTRACTS},
    **{("validate", source): f"valid/{source}" for source in CONTRACTS},
    **{("transform", name): f"clean/{name}" for name in ("items", "users", "queries", "interactions")},
}
"""The lake's table of each ledger line, whose rows are compared with the line's."""

HANDED_ON: dict[tuple[str, str], tuple[str, str]] = {
    **{("validate", source): ("land", source) for source in CONTRACTS},
    ("transform", "queries"): ("validate", "queries"),
    ("transform", "interactions"): ("validate", "events"),
}
"""Lines that read exactly what another line wrote."""


def settle(night: Night, stage: str) -> None:
    """Keep the ledger as it stands after a stage, and hold it against the lake.

    Raises:
        LedgerImbalance: If rows are missing or too many anywhere up to this stage; the night stops.
    """
    keep(night)
    found = imbalances(night, stage)
    if found:
        raise LedgerImbalance(
            f"the ledger of {night.logical_date} does not balance after {stage}: {'; '.join(found)}. The lists published "
            f"before stay current. Run the night again from the stage named; `handpick ledger --date {night.logical_date}` "
            "shows every line."
        )


def imbalances(night: Night, through: str = "report") -> list[str]:
    """What does not add up from the first stage through one of them, a line each.

    A single line balances by construction, so this compares lines with the lake and with one another.
    """
    stages = list(STAGES)[: list(STAGES).index(through) + 1]
    lines = {
        (result.stage, flow.source): flow
        for result in night.results()
        if result.stage in stages
        for flow in result.flows
    }
    return [problem for line, flow in lines.items() for problem in _problems(night, line, flow, lines)]


def _problems(
    night: Night, line: tuple[str, str], flow: Flow, lines: dict[tuple[str, str], Flow]
) -> list[str]:
    stage, source = line
    found = []
    before = lines.get(HANDED_ON.get(line, line))
    if line in HANDED_ON and before is not None and before.rows_out != flow.rows_in:
        giver, given = HANDED_ON[line]
        found.append(f"{giver} wrote {before.rows_out:,} rows of {given}, {stage} read {flow.rows_in:,}")
    said = {WRITTEN[line]: flow.rows_out} if line in WRITTEN else {}
    if stage == "validate":
        said[f"quarantine/{source}"] = flow.rows_dropped
    for table, rows in said.items():
        if (lies := _rows(night, table)) != rows:
            found.append(f"{stage} wrote {rows:,} rows to {table}, but {lies:,} lie there")
    return found


def _rows(night: Night, table: str) -> int:
    if not night.lake.has(table, night.logical_date):
        return 0
    count: int = ds.dataset(night.lake.partition(table, night.logical_date), format="parquet").count_rows()
    return count

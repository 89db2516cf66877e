"""The ledger against the lake: what the stages said they wrote is what lies there."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.dataset as ds

from handpick.contracts import CONTRACTS
from handpick.night import Night

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


def imbalances(night: Night) -> list[str]:
    """What does not add up, one line each; a single stage's flows balance by construction, so this compares the lake."""
    by_stage = {result.stage: {flow.source: flow for flow in result.flows} for result in night.results()}
    landed, judged = by_stage.get("land", {}), by_stage.get("validate", {})
    found = []
    for source in CONTRACTS:
        if source in landed and (lies := _rows(night, f"raw/{source}")) != landed[source].rows_out:
            found.append(
                f"land wrote {landed[source].rows_out:,} rows of {source}, but {lies:,} lie in raw/{source}"
            )
        if source not in judged:
            continue
        flow = judged[source]
        if source in landed and flow.rows_in != landed[source].rows_out:
            found.append(
                f"land wrote {landed[source].rows_out:,} rows of {source}, validate read {flow.rows_in:,}"
            )
        for table, said in ((f"valid/{source}", flow.rows_out), (f"quarantine/{source}", flow.rows_dropped)):
            if (lies := _rows(night, table)) != said:
                found.append(f"validate wrote {said:,} rows to {table}, but {lies:,} lie there")
    return found


def _rows(night: Night, table: str) -> int:
    if not night.lake.has(table, night.logical_date):
        return 0
    count: int = ds.dataset(night.lake.partition(table, night.logical_date), format="parquet").count_rows()
    return count

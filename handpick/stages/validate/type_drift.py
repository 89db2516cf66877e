"""What a column that suddenly breaks its contract may be written as now, proposed as lines for `handpick.toml`."""

from __future__ import annotations

import json

from handpick.contracts import CONTRACTS
from handpick.ledger.flows import Flow
from handpick.night import Night
from handpick.stages.land.mapping_inference import completed, toml_lines

SHARE = 0.5
"""A rule that sets more of the rows aside than this says something of the column, not of rows."""
SAMPLES = 200


def proposal(night: Night, flow: Flow) -> str:
    """The settings with which the column that most rows break could be read; empty if there is no such column."""
    reason, count = max(flow.dropped.items(), key=lambda pair: pair[1], default=("", 0))
    if count <= SHARE * flow.rows_in:
        return ""
    rules = night.lake.read(f"quarantine/{flow.source}", night.logical_date, ["_values"]).column("_values")
    entries = [entry for text in rules[:SAMPLES].to_pylist() for entry in json.loads(text)]
    mine = [entry for entry in entries if entry["rule"] == reason and entry.get("value")]
    if not mine:
        return ""
    contract, column = CONTRACTS[flow.source], mine[0]["column"]
    values = list(dict.fromkeys(entry["value"] for entry in mine))
    found = completed(contract, {column: column}, {column: values})
    wanted = (f"times.{column} ", f"patterns.{column} ", f"numbers.{column} ", f"values.{column} ")
    lines = [line for line in toml_lines(found, json.dumps) if line.startswith(wanted)]
    return (
        f" {column} is written another way now ({values[0]}); if that is right: [sources.{flow.source}] "
        + ("; ".join(lines) or f"map it with columns.{column}, values.{column} or times.{column}")
    )

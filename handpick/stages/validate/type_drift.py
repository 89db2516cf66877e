"""Detects type drift, a column whose values changed their form, and proposes settings that can read it."""

from __future__ import annotations

import json

from handpick.contracts import CONTRACTS
from handpick.ledger.flows import Flow
from handpick.night import Night
from handpick.stages.land.public import infer_mapping, render_toml_lines

DRIFT_SHARE = 0.5
"""A rule that quarantines more than this share of the rows points to the column, not to single rows."""
MAX_SAMPLES = 200


def propose_settings(night: Night, flow: Flow) -> str:
    """Propose settings for the column that most rows break, as the end of an error message.

    Args:
        night: The night, whose quarantine is written.
        flow: The ledger line of the source.

    Returns:
        A sentence with lines for `handpick.toml`; empty if no rule breaks for more than half of the rows.
    """
    reason, count = max(flow.dropped.items(), key=lambda pair: pair[1], default=("", 0))
    if count <= DRIFT_SHARE * flow.rows_in:
        return ""
    rules = night.lake.read(f"quarantine/{flow.source}", night.logical_date, ["_values"]).column("_values")
    entries = [entry for text in rules[:MAX_SAMPLES].to_pylist() for entry in json.loads(text)]
    offending = [entry for entry in entries if entry["rule"] == reason and entry.get("value")]
    if not offending:
        return ""
    contract, column = CONTRACTS[flow.source], offending[0]["column"]
    values = list(dict.fromkeys(entry["value"] for entry in offending))
    found = infer_mapping(contract, {column: column}, {column: values})
    # Only how the column is written: the names of columns and the constants are known to be right.
    prefixes = (f"times.{column} ", f"patterns.{column} ", f"numbers.{column} ", f"values.{column} ")
    lines = [line for line in render_toml_lines(found, json.dumps) if line.startswith(prefixes)]
    asked = [question for question in found.open_questions if question.startswith(column)]
    if not lines and asked:
        return f" {asked[0]}."
    return (
        f" {column} is written another way now ({values[0]}); if that is right: [sources.{flow.source}] "
        + ("; ".join(lines) or f"map it with columns.{column}, values.{column} or times.{column}")
    )

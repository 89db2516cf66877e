"""Results of the pretraining objectives: rows of the lake, ledger notes, and the table that people read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

if TYPE_CHECKING:
    from rich.table import Table

    from models.pretraining.objective_ablation import ObjectiveResult

OBJECTIVES_TABLE = "pretraining/worth"
"""The lake's table: a row for each objective and task."""
_SCHEMA = pa.schema(
    [
        pa.field("objective", pa.string(), nullable=False),
        pa.field("task", pa.string(), nullable=False),
        pa.field("case_count", pa.int64(), nullable=False),
        pa.field("ndcg_20_without", pa.float64(), nullable=False),
        pa.field("ndcg_20_with", pa.float64(), nullable=False),
    ]
)


def results_to_rows(results: Iterable[ObjectiveResult]) -> list[dict[str, Any]]:
    """Return the results as rows of `pretraining/worth`, which are JSON-able."""
    return [
        {
            "objective": result.objective,
            "task": result.task,
            "case_count": result.case_count,
            "ndcg_20_without": result.ndcg_without,
            "ndcg_20_with": result.ndcg_with,
        }
        for result in results
    ]


def rows_to_results(rows: Iterable[Mapping[str, Any]]) -> list[ObjectiveResult]:
    """Return the results that `results_to_rows` made these rows of.

    The notes of the stage's result hold such rows.
    """
    from models.pretraining.objective_ablation import ObjectiveResult

    return [
        ObjectiveResult(
            row["objective"], row["task"], row["case_count"], row["ndcg_20_without"], row["ndcg_20_with"]
        )
        for row in rows
    ]


def rows_to_table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return the rows as the Arrow table that the lake stores."""
    return pa.Table.from_pylist(list(rows), _SCHEMA)


def render_objectives(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Return the rows as a table for the terminal.

    Args:
        rows: Rows of `pretraining/worth`, or the note `objectives` of the stage's result.
    """
    from rich.table import Table

    table = Table(title="NDCG@20 without and with each objective", title_justify="left", header_style="bold")
    table.add_column("objective")
    table.add_column("task")
    for heading in ("cases", "without", "with", "change"):
        table.add_column(heading, justify="right")
    for row in rows:
        without, with_it = row["ndcg_20_without"], row["ndcg_20_with"]
        table.add_row(
            row["objective"],
            row["task"],
            f"{row['case_count']:,}",
            f"{without:.4f}",
            f"{with_it:.4f}",
            f"{with_it / without - 1:+.0%}" if without else "",
        )
    return table

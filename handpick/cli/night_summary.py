"""The summary of a finished night on the terminal: ledger, evaluation, example lists, path of the report."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from handpick.ledger.flows import StageResult
from handpick.night import Night
from handpick.runtime.log import SafeConsole
from handpick.stages.gate.public import read_decision
from handpick.stages.report.example_users import (
    choose_example_users,
    find_launched_items,
    join_list_with_items,
)

METRIC, K = "ndcg", 20
SHOWN_ROWS = 5
"""Rows shown of each example list."""


def build_ledger_table(results: list[StageResult], wall_seconds: float | None = None) -> Table:
    """Build the table of a night's ledger, one row per stage and source.

    Args:
        results: Results of the stages that have run.
        wall_seconds: Wall time of the whole run; its difference to the stages' seconds becomes a row
            `overhead`.
    """
    table = Table(
        title="The night",
        title_justify="left",
        header_style="bold",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=0,
    )
    for heading in ("stage", "what"):
        table.add_column(heading, no_wrap=True)
    for heading in ("in", "out", "dropped", "seconds"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        # A stage without ledger lines still gets a row with its seconds.
        for number, flow in enumerate(result.flows or (None,)):
            first = number == 0
            table.add_row(
                result.stage if first else "",
                flow.source if flow else "",
                f"{flow.rows_in:,}" if flow else "",
                f"{flow.rows_out:,}" if flow else "",
                f"{flow.rows_dropped:,}" if flow and flow.rows_dropped else "",
                f"{result.seconds:.1f}" if first else "",
            )
    if wall_seconds is not None:
        work = sum(result.seconds for result in results)
        table.add_section()
        table.add_row("overhead", "starts, loading, Airflow", "", "", "", f"{wall_seconds - work:.1f}")
        table.add_row("total", "", "", "", "", f"{wall_seconds:.1f}")
    return table


def describe_dropped_rows(results: list[StageResult]) -> list[str]:
    """Return a line for each stage and source that dropped rows: how many, and the count of each reason."""
    return [
        f"{result.stage}, {flow.source}: {flow.rows_dropped:,} dropped: "
        + ", ".join(f"{count:,} {reason}" for reason, count in flow.dropped.items() if count)
        for result in results
        for flow in result.flows
        if flow.rows_dropped
    ]


def build_evaluation_table(metrics: pa.Table) -> Table:
    """Build the table of NDCG@20 by member and slice, best member on all users first.

    The best of a slice is green.
    """
    rows = metrics.filter(pc.and_(pc.equal(metrics["metric"], METRIC), pc.equal(metrics["k"], K))).to_pylist()
    slices = list(dict.fromkeys(row["slice"] for row in rows))
    members = list(dict.fromkeys(row["member"] for row in rows))
    values = {(row["member"], row["slice"]): row for row in rows}
    best = {
        name: max(
            # The oracle knows the hidden truth of the demo shop: an upper bound, not a competitor.
            (values[m, name]["value"] for m in members if m != "oracle" and (m, name) in values),
            default=0.0,
        )
        for name in slices
    }
    table = Table(
        title=f"NDCG@{K} on the held-out week, by slice and its users; ±: 95 % interval",
        title_justify="left",
        header_style="bold",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    table.add_column("member", no_wrap=True)
    for name in slices:
        users = max((values[m, name]["users"] for m in members if (m, name) in values), default=0)
        table.add_column("\n".join((*name.split("_"), f"{users:,}")), justify="right", no_wrap=True)
    members.sort(key=lambda member: -_value(values, member, slices[0] if slices else ""))
    for member in members:
        cells = []
        for name in slices:
            row = values.get((member, name))
            mark = "bold green" if row and row["value"] == best[name] and member != "oracle" else ""
            cells.append(Text(_figure(row, has_interval=name == slices[0]), style=mark))
        table.add_row(member, *cells)
    return table


def _value(values: dict[tuple[str, str], dict[str, Any]], member: str, name: str) -> float:
    """Return a member's value on a slice, 0 where it was not measured."""
    row = values.get((member, name))
    return float(row["value"]) if row else 0.0


def _figure(row: dict[str, Any] | None, has_interval: bool) -> str:
    """Format a value, with half the width of its 95 % interval where it is wanted and known."""
    if not row:
        return "-"
    is_known = has_interval and row["low"] is not None and row["high"] is not None
    spread = f" ±{(row['high'] - row['low']) / 2:.3f}" if is_known else ""
    return f"{row['value']:.3f}{spread}"


def build_list_table(user_id: str, about: str, rows: list[dict[str, Any]], currency: str) -> Table:
    """Build the table of one user's list: titles, prices in `currency`, scores and reasons."""
    table = Table(title=f"{user_id}: {about}", title_justify="left", header_style="bold")
    table.add_column("#", justify="right")
    table.add_column("phone")
    table.add_column(currency, justify="right")
    table.add_column("score", justify="right")
    table.add_column("because")
    for row in rows:
        price = "" if row["price"] is None else f"{row['price']:,.0f}"
        table.add_row(str(row["rank"]), row["title"], price, f"{row['score']:.3f}", row["reason"])
    return table


def print_night_summary(night: Night, console: SafeConsole, wall_seconds: float | None = None) -> None:
    """Print a finished night: ledger, evaluation, five example lists and the path of the report.

    Raises:
        MissingPartition: If a stage whose output is shown has not run.
        DamagedData: If what is shown is not what was written.
    """
    results = night.results()
    night.lake.check("evaluation", [night.logical_date], with_bytes=True)
    if night.is_demo:
        console.print("This is the demo shop: its users, phones and events are simulated.\n", highlight=False)
    console.print(build_ledger_table(results, wall_seconds))
    for line in describe_dropped_rows(results):
        console.print(line)
    console.print()
    metrics = night.lake.partition("evaluation", night.logical_date) / "metrics.parquet"
    if metrics.is_file():
        console.print(build_evaluation_table(pq.read_table(metrics)))
    decision = read_decision(night.lake, night.logical_date)
    if decision.champion_date is None:
        for reason in decision.reasons:
            console.print(reason, highlight=False)
    lists = night.lake.read("lists/recommendations", night.logical_date)
    items = night.lake.read("marts/dim_item", night.logical_date)
    users = night.lake.read("marts/dim_user", night.logical_date)
    launched = find_launched_items(items, night.logical_date)
    for user_id, about in choose_example_users(lists, users, launched):
        rows = join_list_with_items(lists, items, user_id, SHOWN_ROWS)
        for row in rows:
            row["title"] += "  (new today)" if row["item_id"] in launched else ""
        console.print()
        console.print(build_list_table(user_id, about, rows, night.settings.shop.currency))
    console.print()
    console.print(f"The report: {night.result('report').where}")

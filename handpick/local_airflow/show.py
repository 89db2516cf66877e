"""What a night prints when it is over: stages, evaluation, a few people's lists, and where to look next."""

from __future__ import annotations

from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from handpick.ledger.flows import StageResult
from handpick.night import Night

METRIC, K = "ndcg", 20
SHOWN_USERS = 5


def stage_table(results: list[StageResult], wall_seconds: float | None = None) -> Table:
    """The ledger of a night, a line per stage and source; with the wall time, what was not work as its own line."""
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


def dropped(results: list[StageResult]) -> list[str]:
    """A line for each stage and source that dropped rows: how many, and each reason with its count."""
    return [
        f"{result.stage}, {flow.source}: {flow.rows_dropped:,} dropped: "
        + ", ".join(f"{count:,} {reason}" for reason, count in flow.dropped.items() if count)
        for result in results
        for flow in result.flows
        if flow.rows_dropped
    ]


def evaluation_table(metrics: pa.Table) -> Table:
    """NDCG@20 of every member by slice, best first on all users; the best of a slice is marked."""
    rows = metrics.filter(pc.and_(pc.equal(metrics["metric"], METRIC), pc.equal(metrics["k"], K))).to_pylist()
    slices = list(dict.fromkeys(row["slice"] for row in rows))
    members = list(dict.fromkeys(row["member"] for row in rows))
    values = {(row["member"], row["slice"]): row for row in rows}
    best = {
        name: max(
            (values[m, name]["value"] for m in members if m != "oracle" and (m, name) in values), default=0.0
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
            figure = _figure(row, has_interval=name == slices[0])
            cells.append(f"[{mark}]{figure}[/]" if mark else figure)
        table.add_row(member, *cells)
    return table


def _value(values: dict[tuple[str, str], dict[str, Any]], member: str, name: str) -> float:
    row = values.get((member, name))
    return float(row["value"]) if row else 0.0


def _figure(row: dict[str, Any] | None, has_interval: bool) -> str:
    if not row:
        return "-"
    is_known = has_interval and row["low"] is not None and row["high"] is not None
    spread = f" ±{(row['high'] - row['low']) / 2:.3f}" if is_known else ""
    return f"{row['value']:.3f}{spread}"


def list_table(user_id: str, about: str, rows: list[dict[str, Any]], currency: str) -> Table:
    """One user's list with titles, prices, scores and reasons."""
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


def chosen_users(lists: pa.Table, users: pa.Table, launched: set[str]) -> list[tuple[str, str]]:
    """Five people worth looking at, with a word on why: a query-only user, one offered a launch of the day, others.

    Args:
        lists: The night's `lists/recommendations`.
        users: The night's `dim_user`.
        launched: Items launched on the logical date.
    """
    listed = set(lists["user_id"].unique().to_pylist())
    people = users.select(["user_id", "is_query_only", "is_cold", "event_count"]).to_pylist()
    people = sorted((row for row in people if row["user_id"] in listed), key=lambda row: row["user_id"])
    by_launch = lists.filter(pc.is_in(lists["item_id"], pa.array(sorted(launched), pa.string())))
    offered = by_launch.sort_by([("rank", "ascending"), ("user_id", "ascending")])["user_id"].to_pylist()
    queried = [row["user_id"] for row in people if row["is_query_only"]]
    cold = [row["user_id"] for row in people if row["is_cold"] and not row["is_query_only"]]
    busy = [
        row["user_id"] for row in sorted(people, key=lambda row: (-(row["event_count"] or 0), row["user_id"]))
    ]
    wanted = [
        ("only asked a question", queried),
        ("offered a phone launched today", offered),
        ("new, nothing known yet", cold),
        ("knows what they like", busy),
        ("a regular", busy[len(busy) // 4 :]),
        ("a customer", busy[len(busy) // 2 :]),
    ]
    chosen: list[tuple[str, str]] = []
    for about, candidates in wanted:
        taken = {user for user, _ in chosen}
        fresh = next((user for user in candidates if user not in taken), None)
        if fresh is not None and len(chosen) < SHOWN_USERS:
            chosen.append((fresh, about))
    return chosen


def list_rows(lists: pa.Table, items: pa.Table, user_id: str, n: int) -> list[dict[str, Any]]:
    """The first n rows of a user's list with the phones' titles and prices."""
    mine = lists.filter(pc.equal(lists["user_id"], user_id)).sort_by("rank").slice(0, n)
    named = mine.join(items.select(["item_id", "title", "price"]), "item_id").sort_by("rank")
    return named.to_pylist()


def show_night(night: Night, console: Console, wall_seconds: float | None = None) -> None:
    """Print the whole night: ledger, evaluation, five lists, the report's place and the next command."""
    results = night.results()
    console.print(stage_table(results, wall_seconds))
    for line in dropped(results):
        console.print(line, highlight=False, markup=False)
    console.print()
    console.print(
        evaluation_table(
            pq.read_table(night.lake.partition("evaluation", night.logical_date) / "metrics.parquet")
        )
    )
    lists = night.lake.read("lists/recommendations", night.logical_date)
    items = night.lake.read("marts/dim_item", night.logical_date)
    users = night.lake.read("marts/dim_user", night.logical_date)
    launched = launched_on(items, night.logical_date)
    for user_id, about in chosen_users(lists, users, launched):
        rows = list_rows(lists, items, user_id, 5)
        for row in rows:
            row["title"] += "  (new today)" if row["item_id"] in launched else ""
        console.print()
        console.print(list_table(user_id, about, rows, night.settings.shop.currency))
    console.print()
    console.print(f"The report: {night.result('report').where}")


def launched_on(items: pa.Table, day: date) -> set[str]:
    """Items whose release date is the given day."""
    return set(
        items.filter(pc.equal(items["release_date"], pa.scalar(day, pa.date32())))["item_id"].to_pylist()
    )

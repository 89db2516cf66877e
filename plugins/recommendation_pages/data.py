"""The data: rows by stage, what was dropped and why, and the quarantine to browse, mend and release."""

from __future__ import annotations

import json
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from airflow.api_fastapi.core_api.security import get_user
from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from handpick.contracts import CONTRACTS
from handpick.errors import InputError
from handpick.night import Night
from handpick.quarantine import Selection, count_reasons, release_selection, select_rows
from handpick.serving.browse import record_action
from handpick.settings.load import load
from handpick.stages.report import find_stage_pages
from handpick.stages.report.plots import plot_by_night
from handpick.stages.report.summary import NightSummary, list_nights, read_history
from recommendation_pages.access import Action, find_rights, make_token, require
from recommendation_pages.rendering import plot_memory, render, render_message

router = APIRouter()
PLOTTED_REASONS = 12
PAGE_ROWS = 25
Source = Literal["catalog", "users", "events", "queries"]


@router.get("/data", response_class=HTMLResponse)
def show_data(request: Request) -> HTMLResponse:
    """Show the funnel of the last night, and what was dropped over nights."""
    settings = load()
    history = read_history(settings)
    last = history[-1] if history else None
    pages = find_stage_pages(Night(settings, date.fromisoformat(last.date)).results()) if last else {}
    return render(
        request,
        "data.html",
        last=last,
        dropped=plot_memory.draw("dropped", history, _plot_dropped) if len(history) > 1 else None,
        reasons=plot_memory.draw("reasons", history, _plot_reasons) if len(history) > 1 else None,
        rows=plot_memory.draw("rows", history, _plot_rows) if len(history) > 1 else None,
        funnel=describe_funnel(last) if last else [],
        quarantined=[
            (night.date, flow["source"], sum(flow["dropped"].values()), flow["rows_in"])
            for night in history[::-1][:30]
            for flow in night.find_flows("validate")
            if flow["dropped"]
        ],
        pages={name: first.name for name, first in pages.items()},
    )


def describe_funnel(night: NightSummary) -> list[dict[str, Any]]:
    """Return of each source how many rows arrived, were valid and were kept, with their shares of the first.

    The tables of `transform` hold what is known as of the night, so only its events can be compared with what
    arrived.
    """
    valid = {flow["source"]: flow for flow in night.find_flows("validate")}
    kept = {flow["source"]: flow["rows_out"] for flow in night.find_flows("transform")}
    found = []
    for flow in night.find_flows("land"):
        source, arrived = flow["source"], flow["rows_in"]
        steps = [("arrived", arrived), ("landed", flow["rows_out"])]
        if source in valid:
            steps.append(("valid", valid[source]["rows_out"]))
        if source == "events" and "interactions" in kept:
            steps.append(("interactions", kept["interactions"]))
        top = max(1, arrived)
        found.append(
            {"source": source, "steps": [(name, rows, min(1.0, rows / top)) for name, rows in steps]}
        )
    return found


@router.get("/data/quarantine", response_class=HTMLResponse)
def show_quarantine(
    request: Request,
    user: Annotated[Any, Depends(get_user)],
    day: date,
    source: Source,
    rule: Annotated[str, Query(max_length=300)] = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """Show a night's quarantined rows of a source, with the rules that they broke."""
    settings = load()
    night = Night(settings, day)
    if not night.lake.has(f"quarantine/{source}", day):
        return render_message(request, f"There is no quarantine of {source} for {day}.", 404)
    rows = select_rows(night.lake, day, Selection(source, rule))
    shown = rows.slice((page - 1) * PAGE_ROWS, PAGE_ROWS).to_pylist()
    names = CONTRACTS[source].column_names
    return render(
        request,
        "quarantine.html",
        day=day,
        source=source,
        rule=rule,
        page=page,
        page_count=max(1, -(-len(rows) // PAGE_ROWS)),
        total=len(rows),
        reasons=[(reason, count) for _, reason, count in count_reasons(night.lake, day, source)],
        rows=[
            {
                "file": row["_source_file"],
                "line": row["_source_line"],
                "rules": row["_rules"],
                "raw": row["_raw"],
                "values": {name: row[name] for name in names if row.get(name) is not None},
                "json": json.dumps({name: row.get(name) for name in names}, ensure_ascii=False, indent=1),
            }
            for row in shown
        ],
        into=_find_next_night(settings, day),
        rights=find_rights(user),
        token=make_token(user),
    )


@router.post("/data/release")
async def release(
    request: Request,
    user: Annotated[Any, Depends(require(Action.RELEASE))],
    day: Annotated[date, Form()],
    source: Annotated[Source, Form()],
    into: Annotated[date, Form()],
    why: Annotated[str, Form(min_length=3, max_length=500)],
    rule: Annotated[str, Form(max_length=300)] = "",
    mended: Annotated[str, Form(max_length=100_000)] = "",
) -> HTMLResponse:
    """Release rows into a later night, unchanged or as they were mended, and record who did it and why."""

    def change() -> int:
        settings = load()
        count = _release(Night(settings, day), Selection(source, rule), into, mended)
        if count:
            record_action(
                settings,
                who=str(user.get_name()),
                action=Action.RELEASE.value,
                target=f"{count} rows of {source} of {day} into {into}",
                why=why,
            )
        return count

    count = await run_in_threadpool(change)
    said = f"{count:,} rows of {source} were released into the night of {into}, which validates them again."
    return render_message(request, said if count else "No rows match; nothing was released.", 200)


def _release(night: Night, chosen: Selection, into: date, mended: str) -> int:
    """Release the selection, or the one mended row that was given; return the number of rows."""
    if not mended.strip():
        return release_selection(night, chosen, into)[1]
    try:
        row = json.loads(mended)
    except ValueError:
        raise InputError("the mended row is no JSON object. Nothing was released.") from None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mended.jsonl"
        file.write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
        return release_selection(night, chosen, into, file)[1]


def _find_next_night(settings: Any, day: date) -> date:
    """Return the first night after all that have run, which is the next to land."""
    nights = list_nights(settings)
    return max([day, *nights]) + timedelta(days=1)


def _plot_dropped(history: list[NightSummary]) -> Any:
    """Plot the share of quarantined rows by source."""
    series: dict[str, dict[str, Any]] = {}
    for night in history:
        for flow in night.find_flows("validate"):
            if flow["rows_in"]:
                share = 100 * sum(flow["dropped"].values()) / flow["rows_in"]
                series.setdefault(flow["source"], {})[night.date] = share
    return plot_by_night(series, "Rows quarantined", "% of the rows of a source")


def _plot_rows(history: list[NightSummary]) -> Any:
    """Plot the rows that arrived by source; the first night brings the whole history and is left out."""
    series: dict[str, dict[str, Any]] = {}
    for night in history[1:]:
        for flow in night.find_flows("land"):
            series.setdefault(flow["source"], {})[night.date] = float(flow["rows_in"])
    return plot_by_night(series, "Rows that arrived", "rows, without the first night")


def _plot_reasons(history: list[NightSummary]) -> Any:
    """Plot the rows dropped for the most frequent reasons."""
    series: dict[str, dict[str, Any]] = {}
    for night in history[1:]:
        for flow in night.find_flows("validate"):
            for reason, count in flow["dropped"].items():
                series.setdefault(f"{flow['source']}: {reason}", {})[night.date] = float(count)
    most = sorted(series, key=lambda name: (-sum(series[name].values()), name))[:PLOTTED_REASONS]
    shown = {name: {night.date: series[name].get(night.date, 0.0) for night in history[1:]} for name in most}
    return plot_by_night(shown, "Why rows were quarantined", "rows, without the first night")

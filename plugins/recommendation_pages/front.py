"""The front page: is all well, what is to be done, how good are the lists, and what changed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from handpick.lake.locks import find_holders
from handpick.night import Night
from handpick.settings.load import Settings, load
from handpick.stages.report.plots import plot_by_night
from handpick.stages.report.summary import NightSummary, Quality, list_nights, read_history
from handpick.stages.report.verdict import Finding, Kind, drop_unfinished, judge_shop
from recommendation_pages.lists import warm_up
from recommendation_pages.rendering import plot_memory, render
from recommendation_pages.state import Run, read_published, read_runs

router = APIRouter()
PLOTTED_NIGHTS = 60
WEEK = 7
FINDING_PAGES = {
    Kind.QUARANTINE: ("data", "The rows"),
    Kind.SOURCE: ("data", "The data"),
    Kind.DRIFT: ("data", "The data"),
    Kind.REFUSED: ("models", "The models"),
    Kind.NO_MODEL: ("models", "The models"),
    Kind.OVERRIDE: ("models", "The models"),
    Kind.ROLLBACK: ("versions", "The versions"),
}
"""Where a finding of a kind is looked into: address below the app, and the link's text."""


@router.get("/", response_class=HTMLResponse)
def show_front(request: Request) -> HTMLResponse:
    """Show the state of the shop now."""
    settings = load()
    nights = list_nights(settings)
    published, runs = read_published(settings), read_runs()
    newest = nights[-1] if nights else None
    failed = [
        finding
        for run in runs
        if newest is None or run.night is None or run.night >= newest
        for finding in run.describe_failures()
    ]
    verdict = judge_shop(
        settings,
        nights,
        published.versions,
        datetime.now(UTC),
        problem=published.problem,
        failed=failed[:3],
    )
    if newest is not None and is_running(settings, newest, runs):
        verdict = drop_unfinished(verdict, newest)
    # Whoever opens this page mostly goes on to the lists.
    warm_up(settings, published)
    history = read_history(settings, nights=PLOTTED_NIGHTS)
    last = history[-1] if history else None
    current = published.current
    names = {run.night: run.run_id for run in runs if run.night}

    def link_task(day: date, stage: str) -> str:
        base = request.scope.get("root_path", "").rstrip("/").removesuffix("/handpick")
        run = names.get(day)
        return f"{base}/dags/nightly_recommendations" + (f"/runs/{run}/tasks/{stage}" if run else "")

    def link_page(finding: Finding) -> tuple[str, str] | None:
        base = request.scope.get("root_path", "").rstrip("/")
        place = FINDING_PAGES.get(finding.kind)
        return None if place is None else (f"{base}/{place[0]}", place[1])

    week = find_week_before(history)
    return render(
        request,
        "front.html",
        verdict=verdict,
        links=True,
        task_link=link_task,
        finding_link=link_page,
        last=last,
        current=current,
        as_of=Night(settings, current.logical_date).as_of if current else None,
        quality=Quality(**last.quality) if last and last.quality else None,
        week=Quality(**week.quality) if week and week.quality else None,
        week_night=week.date if week else None,
        plot=plot_memory.draw("quality", history, plot_quality) if len(history) > 1 else None,
        sources=describe_sources(last, history),
        runs=runs,
    )


def is_running(settings: Settings, night: date, runs: list[Run]) -> bool:
    """Return whether a night runs now, by Airflow or by a command."""
    if any(run.night == night and run.state in ("running", "queued") for run in runs):
        return True
    return bool(find_holders(settings.path(settings.lake.root), f"night-{night.isoformat()}"))


def plot_quality(history: list[NightSummary]) -> Any:
    """Plot NDCG@20 of the models that made the lists, and of popularity, over nights."""
    lists: dict[str, Any] = {}
    popularity: dict[str, Any] = {}
    for night in history:
        if night.quality is not None:
            found = Quality(**night.quality)
            has_bounds = found.low is not None and found.high is not None
            lists[night.date] = (found.value, found.low, found.high) if has_bounds else found.value
            has_bounds = found.popularity_low is not None and found.popularity_high is not None
            popularity[night.date] = (
                (found.popularity, found.popularity_low, found.popularity_high)
                if has_bounds
                else found.popularity
            )
    series = {"the model that made the lists": lists, "popularity": popularity}
    return plot_by_night(series, "Quality over nights", "NDCG@20, 95 % intervals")


def find_week_before(history: list[NightSummary]) -> NightSummary | None:
    """Return the last night with a known quality that is at least a week before the newest one."""
    if not history:
        return None
    newest = date.fromisoformat(history[-1].date)
    older = [
        night
        for night in history
        if night.quality is not None and (newest - date.fromisoformat(night.date)).days >= WEEK
    ]
    return older[-1] if older else None


def describe_sources(last: NightSummary | None, history: list[NightSummary]) -> list[dict[str, Any]]:
    """Return of each source: its rows of the last night, those of a usual night, and the share set aside."""
    if last is None:
        return []
    usual: dict[str, list[int]] = {}
    for night in history[1:-1]:  # the first night brings the whole history
        for flow in night.find_flows("validate"):
            usual.setdefault(flow["source"], []).append(flow["rows_in"])
    found = []
    for flow in last.find_flows("validate"):
        rows = sorted(usual.get(flow["source"], ()))
        dropped = sum(flow["dropped"].values())
        found.append(
            {
                "source": flow["source"],
                "rows": flow["rows_in"],
                "usual": rows[len(rows) // 2] if rows else None,
                "dropped": dropped,
                "share": dropped / flow["rows_in"] if flow["rows_in"] else 0.0,
            }
        )
    return found

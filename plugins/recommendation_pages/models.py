"""The models: quality by slice over nights, the gate's decisions, the blend, and overriding with a reason."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import get_user
from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from handpick.night import Night
from handpick.serving.browse import record_action
from handpick.settings.load import load
from handpick.stages.gate.decision_record import record_override
from handpick.stages.report.plots import plot_by_night, plot_intervals
from handpick.stages.report.slices import explain_slices
from handpick.stages.report.summary import BLEND, POPULARITY, NightSummary, read_history
from recommendation_pages.access import Action, find_rights, make_token, require
from recommendation_pages.rendering import plot_memory, render

router = APIRouter()
PLOTTED_MODELS = 6
SHOWN_DECISIONS = 30


@router.get("/models", response_class=HTMLResponse)
def show_models(
    request: Request,
    user: Annotated[Any, Depends(get_user)],
    slice_name: Annotated[str, Query(alias="slice", max_length=60)] = "all",
) -> HTMLResponse:
    """Show the models of the last nights on one slice."""
    history = read_history(load())
    evaluated = [night for night in history if night.evaluation]
    last = evaluated[-1] if evaluated else None
    slices = list(dict.fromkeys(row[1] for row in last.evaluation)) if last else []
    if slice_name not in slices and slices:
        slice_name = slices[0]
    blend_night = None
    if last and last.gate and last.gate.get("champion_date"):
        blend_night = next((night for night in history if night.date == last.gate["champion_date"]), None)
    return render(
        request,
        "models.html",
        last=last,
        slices=slices,
        slice_name=slice_name,
        explained=dict(explain_slices(slices, bool(last and last.is_demo))),
        tonight=_plot_tonight(last, slice_name) if last else None,
        trend=plot_memory.draw(
            f"trend {slice_name}", evaluated, lambda nights: _plot_trend(nights, slice_name)
        )
        if len(evaluated) > 1
        else None,
        decisions=[night for night in history[::-1] if night.gate][:SHOWN_DECISIONS],
        blend_night=blend_night,
        rights=find_rights(user),
        token=make_token(user),
    )


@router.post("/models/override")
async def override_gate(
    request: Request,
    user: Annotated[Any, Depends(require(Action.OVERRIDE))],
    day: Annotated[date, Form()],
    to: Annotated[str, Form(pattern="^(promote|refuse)$")],
    why: Annotated[str, Form(min_length=3, max_length=500)],
) -> RedirectResponse:
    """Override the gate's decision on a night, and record who did it and why."""

    def change() -> None:
        settings, who = load(), str(user.get_name())
        record_override(Night(settings, day), to=to, who=who, why=why)
        record_action(
            settings, who=who, action=Action.OVERRIDE.value, target=f"{to} the model of {day}", why=why
        )

    await run_in_threadpool(change)
    base = request.scope.get("root_path", "").rstrip("/")
    return RedirectResponse(f"{base}/models", status_code=303)


def _plot_tonight(night: NightSummary, slice_name: str) -> Any:
    """Plot all models of a night on a slice."""
    values = {
        row[0]: (row[2], row[2] if row[3] is None else row[3], row[2] if row[4] is None else row[4])
        for row in night.evaluation
        if row[1] == slice_name
    }
    return plot_intervals(values, f"NDCG@20 of the models trained in the night of {night.date}", marked=BLEND)


def _plot_trend(history: list[NightSummary], slice_name: str) -> Any:
    """Plot blend, popularity and the best other models of the last night over nights."""
    last = {row[0]: row[2] for row in history[-1].evaluation if row[1] == slice_name}
    best = sorted((name for name in last if name not in (BLEND, POPULARITY)), key=lambda name: -last[name])
    chosen = [name for name in (BLEND, POPULARITY) if name in last] + best
    series: dict[str, dict[str, Any]] = {name: {} for name in chosen[:PLOTTED_MODELS]}
    for night in history:
        for member, name, value, low, high, _ in night.evaluation:
            if name == slice_name and member in series:
                # Only the blend with its interval: bands of six models would cover one another.
                has_band = member == BLEND and low is not None and high is not None
                series[member][night.date] = (value, low, high) if has_band else value
    return plot_by_night(
        series, f"{slice_name} over nights", "NDCG@20; the band is the blend's 95 % interval"
    )

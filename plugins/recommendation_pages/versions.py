"""List versions: what is kept, what differs between two, rolling back, and who did what."""

from __future__ import annotations

from typing import Annotated, Any

from airflow.api_fastapi.core_api.security import get_user
from fastapi import APIRouter, Depends, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from handpick.serving.browse import read_actions, record_action
from handpick.serving.kept_diffs import find_diff
from handpick.serving.versions import rollback
from handpick.settings.load import load
from recommendation_pages.access import Action, find_rights, make_token, require
from recommendation_pages.rendering import render, render_message
from recommendation_pages.state import read_published

router = APIRouter()
SECONDS_TO_RELOAD = 2


@router.get("/versions", response_class=HTMLResponse)
def show_versions(request: Request, user: Annotated[Any, Depends(get_user)]) -> HTMLResponse:
    """Show the kept versions, the retention, and the last actions of people."""
    settings = load()
    published = read_published(settings)
    return render(
        request,
        "versions.html",
        published=published,
        serving=settings.serving,
        actions=read_actions(settings),
        rights=find_rights(user),
    )


@router.get("/versions/diff", response_class=HTMLResponse)
def show_diff(
    request: Request,
    a: Annotated[int, Query(ge=1)],
    b: Annotated[int, Query(ge=1)],
) -> HTMLResponse:
    """Show what differs between two versions; a page that loads itself again while they are compared."""
    diff = find_diff(load(), a, b)
    page = render(request, "diff.html", diff=diff, a=a, b=b)
    if diff is None:
        page.headers["Refresh"] = str(SECONDS_TO_RELOAD)
    return page


@router.get("/versions/rollback/{version}", response_class=HTMLResponse)
def confirm_rollback(request: Request, version: int, user: Annotated[Any, Depends(get_user)]) -> HTMLResponse:
    """Ask before another version is made current, and say what that does."""
    published = read_published(load())
    target = published.find(version)
    if target is None or published.current is None:
        return render_message(request, f"There is no list version {version}.", 404)
    return render(
        request,
        "rollback.html",
        target=target,
        current=published.current,
        rights=find_rights(user),
        token=make_token(user),
    )


@router.post("/versions/rollback/{version}")
async def roll_back(
    request: Request,
    version: int,
    user: Annotated[Any, Depends(require(Action.ROLL_BACK))],
    why: Annotated[str, Form(min_length=3, max_length=500)],
) -> RedirectResponse:
    """Make a version current, and record who did it and why."""

    def change() -> None:
        settings = load()
        made = rollback(settings, version)
        record_action(
            settings,
            who=str(user.get_name()),
            action=Action.ROLL_BACK.value,
            target=f"to version {made}",
            why=why,
        )

    await run_in_threadpool(change)
    base = request.scope.get("root_path", "").rstrip("/")
    return RedirectResponse(f"{base}/versions", status_code=303)
